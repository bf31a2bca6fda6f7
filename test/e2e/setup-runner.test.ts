import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runSuite } from "../../scripts/test/run-suite.ts";
import { choose, type Suite } from "../../scripts/test/suites.ts";
import { sum, totalsLine } from "../../scripts/test/totals.ts";
import { ROOT } from "../support/executable.ts";

const root = mkdtempSync(join(tmpdir(), "podexec-runner-"));
const never = new AbortController().signal;

beforeAll(() => {
  mkdirSync(join(root, "test"));
  writeFileSync(join(root, "bunfig.toml"), '[test]\nroot = "./test"\n');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs a test file of this content as a suite of its own. */
function run(name: string, content: string, options: { minutes?: number; isCi?: boolean; signal?: AbortSignal } = {}) {
  const file = `test/${name}.test.ts`;
  writeFileSync(join(root, file), `import { test, expect } from "bun:test";\n${content}`);
  const suite: Suite = {
    name,
    kind: "files",
    files: file,
    seconds: 30,
    minutes: options.minutes ?? 1,
    excused: ["SELinux"],
  };
  return runSuite({ suite, files: [file] }, { root, signal: options.signal ?? never, isCi: options.isCi ?? false });
}

test("passed, failed and skipped tests are counted as they ran [setup.totals]", async () => {
  const content = `test("a", () => {}); test("b & <c>", () => expect(1).toBe(2)); test.skip("d", () => {}); test("e", () => {});`;
  expect(await run("counts", content)).toEqual({ passed: 2, failed: 1, skipped: 1, complaints: [] });
});

test("a suite in which no test ran has failed [setup.totals]", async () => {
  expect(await run("none", "")).toMatchObject({ passed: 0, failed: 1 });
  expect(await run("skips", `test.skip("a", () => {});`)).toMatchObject({
    failed: 1,
    complaints: ["skips: no test ran"],
  });
  const suite: Suite = { name: "gone", kind: "files", files: "test/gone", seconds: 1, minutes: 1 };
  expect(await runSuite({ suite, files: [] }, { root, signal: never, isCi: false })).toMatchObject({ failed: 1 });
});

test("a suite that ends the runner has failed [setup.totals]", async () => {
  const result = await run("crash", `test("a", () => {}); test("b", () => process.exit(0));`);
  expect(result.failed).toBeGreaterThan(0);
});

test("an error outside of every test has failed the suite", async () => {
  const result = await run("stray", `test("a", () => {}); throw new Error("stray");`);
  expect(result.failed).toBeGreaterThan(0);
});

test("a suite that hangs is ended, with all that it started", async () => {
  const content = `test("a", () => { Bun.spawnSync(["sleep", "1234.567"]); }, 60_000);`;
  const result = await run("hang", content, { minutes: 0.03 });
  expect(result).toMatchObject({ failed: 1, complaints: ["hang: not done within 0.03 minutes"] });
  expect(Bun.spawnSync(["ps", "-eo", "args"]).stdout.toString()).not.toContain("sleep 1234.567");
}, 30_000);

test("an interrupted suite ends at once", async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 500);
  const result = await run("stopped", `test("a", () => Bun.sleep(50_000), 60_000);`, { signal: stop.signal });
  expect(result.complaints).toEqual(["stopped: interrupted"]);
}, 20_000);

test("in CI a skipped test is a failure unless its suite excuses it", async () => {
  const content = `test("a", () => {}); test.skip("b", () => {}); test.skip("c, with SELinux", () => {});`;
  const result = await run("excuses", content, { isCi: true });
  expect(result).toEqual({ passed: 1, failed: 1, skipped: 2, complaints: ["excuses: skipped in CI: b"] });
});

test("words choose suites by name and files by a part of their path, and one that names nothing is refused", () => {
  const names = (words: string[]) => choose(ROOT, words).map(({ suite, files }) => [suite.name, files.length > 0]);
  expect(names(["gate", "e2e/setup-runner"])).toEqual([
    ["gate", false],
    ["e2e", true],
  ]);
  expect(choose(ROOT, ["setup-runner"])[0]?.files).toEqual(["test/e2e/setup-runner.test.ts"]);
  expect(choose(ROOT, []).map(({ suite }) => suite.name)).toContain("rootless");
  expect(() => choose(ROOT, ["nonsense"])).toThrow("nonsense names no suite");
});

test("the last line holds the sums, as CI reads them [setup.totals]", () => {
  const totals = sum([
    { passed: 1, failed: 0, skipped: 2 },
    { passed: 3, failed: 4, skipped: 0 },
  ]);
  expect(totalsLine(totals)).toBe("4 passed, 4 failed, 2 skipped");
});
