import { expect, test } from "bun:test";
import { join } from "node:path";
import type { LogFormat, LogLevel } from "../../src/log.ts";

const LOG = join(import.meta.dir, "../../src/log.ts");

/** What a log of a process of its own writes. */
function written(level: LogLevel, format: LogFormat, calls: string) {
  const code = `import { createLog } from ${JSON.stringify(LOG)}; const log = createLog("${level}", "${format}"); ${calls}`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", code], {
    env: { ...process.env, CONSOLA_LEVEL: "5" },
  });
  return { stdout: stdout.toString(), stderr: stderr.toString() };
}

test("every level goes to stderr and none to stdout [log.stderr]", () => {
  const calls = 'log.error("e"); log.warn("w"); log.info("i"); log.success("s"); log.debug("d"); log.log("l");';
  const { stdout, stderr } = written("debug", "text", calls);
  expect(stdout).toBe("");
  expect(stderr.split("\n").map((line) => line.trim().at(-1))).toEqual(["e", "w", "i", "s", "d", "l", undefined]);
});

test.each([
  ["silent", ""],
  ["error", "e"],
  ["warn", "ew"],
  ["info", "ewi"],
  ["debug", "ewid"],
] as [LogLevel, string][])(
  "the level %p writes %p, whatever consola's own variable says [log.stderr]",
  (level, expected) => {
    const { stderr } = written(level, "json", 'log.error("e"); log.warn("w"); log.info("i"); log.debug("d");');
    const lines = stderr.split("\n").filter(Boolean);
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message).join("")).toBe(expected);
  },
);

test("a JSON line has the time, the level, the message and the fields [log.stderr]", () => {
  const calls = 'log.warn("old image", { image: "a b", days: 3 }, new Error("boom"), { level: "x" });';
  const line = JSON.parse(written("info", "json", calls).stderr) as Record<string, unknown>;
  expect(line).toMatchObject({ level: "warn", message: "old image", image: "a b", days: 3, error: "boom" });
  expect(Date.parse(String(line["time"]))).toBeGreaterThan(0);
});

test("text has the fields behind the message, quoted where they need it [log.stderr]", () => {
  expect(written("info", "text", 'log.info("up", { port: 8000, image: "a b" });').stderr).toBe(
    'info  up port=8000 image="a b"\n',
  );
});

test("what comes from outside cannot move a terminal's cursor or fake a line [log.stderr]", () => {
  const { stderr } = written("info", "text", 'log.info("a\\u001b[2J\\r\\nerror fake", { x: "\\u001b[0m\\n" });');
  expect(stderr).toBe('info  a\\x1b[2J\\x0d\n      error fake x="\\u001b[0m\\n"\n');
});

test("a line that repeats is written every time, at once [log.stderr]", () => {
  const { stderr } = written("info", "text", 'for (let i = 0; i < 20; i++) log.info("same");');
  expect(stderr).toBe("info  same\n".repeat(20));
});
