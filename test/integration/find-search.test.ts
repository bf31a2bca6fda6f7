import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { SearchOptions } from "../../src/sandbox/files/search.ts";
import { compile, isLinux, SOURCES, TESTED_BUILDS } from "../support/agent-harness.ts";
import { startFiles } from "../support/agent-files.ts";
import { cleanUpAfterAll, temporaryFolder } from "../support/sandboxes.ts";

cleanUpAfterAll();

describe.skipIf(!isLinux).each(TESTED_BUILDS)("searching with what is built into the %s agent", (build) => {
  let started: Awaited<ReturnType<typeof startFiles>>;
  beforeAll(async () => {
    started = await startFiles({ build });
  });
  afterAll(() => started[Symbol.asyncDispose](), 20_000);

  /** Searches one text; `line:column matched` of each matching line. */
  async function inText(text: string | Uint8Array, pattern: string, options: SearchOptions = {}) {
    const file = join(temporaryFolder(), "text");
    writeFileSync(file, text);
    const { lines } = await started.files.search(pattern, file, { engine: "built-in", ...options });
    return lines.map(({ line, column, matched }) => `${line}:${column ?? "-"} ${matched.join("|")}`);
  }

  test.each([
    ["one\ntwo\n", "t.o", ["2:1 two"], {}],
    ["foobar", "foo|foobar", ["1:1 foo"], {}],
    ["foobar", "(?:foo|foobar)$", ["1:1 foobar"], {}],
    ["<a><b>", "<.+?>", ["1:1 <a>|<b>"], {}],
    ["<a><b>", "<.+>", ["1:1 <a><b>"], {}],
    ["a1b22", "\\d+", ["1:2 1|22"], {}],
    ["cat concat", "\\bcat\\b", ["1:1 cat"], {}],
    ["Straße ÄRGER ärger", "(?i)ärger", ["1:9 ÄRGER|ärger"], {}],
    ["x{2} xx", "x{2}", ["1:6 xx"], {}],
    ["aaaaa", "a{2,3}", ["1:1 aaa|aa"], {}],
    ["aaaaa", "a{2,3}?", ["1:1 aa|aa"], {}],
    ["a.b*c", "a.b*c", ["1:1 a.b*c"], { literal: true }],
    ["Ab ab", "ab", ["1:1 Ab|ab"], { case: "insensitive" }],
    ["Ab ab", "ab", ["1:1 Ab|ab"], { case: "smart" }],
    ["Ab ab", "Ab", ["1:1 Ab"], { case: "smart" }],
    ["tab\there", "[[:space:]]\\w", ["1:4 \th"], {}],
    ["a]b", "[^]]]", ["1:1 a]"], {}],
    ["日本語 text", "\\w+ t", ["1:1 日本語 t"], {}],
    ["\r\nwin\r\n", "win.$", ["2:1 win"], {}],
    ["a\n\nb", "^$", ["2:1 "], {}],
    [Uint8Array.of(0xff, 0x61, 0xfe, 10), "a", ["1:2 a"], {}],
  ] as [string | Uint8Array, string, string[], SearchOptions][])(
    "in %j, %s finds %j [find.search]",
    async (text, pattern, found, options) => {
      expect(await inText(text, pattern, options)).toEqual(found);
    },
  );

  test.each([
    ["a(b", "a group has no end: write \\( for a parenthesis (character 2)"],
    ["é)", "a parenthesis closes nothing: write \\) for a parenthesis (character 2)"],
    ["a[b", "a class has no end: write \\[ for a bracket (character 2)"],
    ["*a", "nothing is there to be repeated: write a backslash in front of it (character 1)"],
    ["a{3,2}", "a repetition is wrong: write \\{ for a brace (character 2)"],
    ["(?=a)", "look-around is not supported (character 1)"],
    ["(a)\\1", "backreferences are not supported (character 4)"],
    ["\\p{L}", "Unicode classes need ripgrep in the sandbox (character 1)"],
    ["((((a{1000}){1000}){1000}){1000})", "the pattern is too large (character 19)"],
    ["(".repeat(200), "groups are nested too deeply (character 101)"],
    ["a\\", "a backslash at the end escapes nothing (character 2)"],
  ])("%s is refused with the place of the mistake [find.refused]", async (pattern, why) => {
    const asked = started.files.search(pattern, "/etc/passwd", { engine: "built-in" });
    expect(await asked.catch((error: Error) => error)).toMatchObject({
      code: "INVALID_PARAMS",
      message: `pattern: ${why}`,
    });
  });

  test.each(["(a*)*b", "(a|a)*b", "(a|aa)+$", "(.*)*x(.*)*y", "(?:a?){60}a{60}b", "((a+)+)+[bc]d"])(
    "%s on a line of a million letters ends in time [find.linear]",
    async (pattern) => {
      const file = join(temporaryFolder(), "line");
      writeFileSync(file, "a".repeat(1_000_000));
      const began = performance.now();
      await started.files.search(pattern, file, { engine: "built-in", timeMs: 3_000 });
      expect(performance.now() - began).toBeLessThan(8_000);
    },
    15_000,
  );

  test("context, limits and long lines are as asked for [find.search, find.bounded]", async () => {
    const lines = Array.from({ length: 200_000 }, (_, i) => (i % 1_000 === 500 ? `hit ${i}` : `line ${i}`));
    expect(await inText(lines.join("\n"), "hit", { before: 2, after: 1, limit: 2 })).toEqual([
      "499:- ",
      "500:- ",
      "501:1 hit",
      "502:- ",
      "1499:- ",
      "1500:- ",
      "1501:1 hit",
      "1502:- ",
    ]);
    expect(await inText(lines.join("\n"), "^line 199999$")).toEqual(["200000:1 line 199999"]);
    const long = join(temporaryFolder(), "long");
    writeFileSync(long, `${"x".repeat(3_000_000)}needle${"é".repeat(50_000)}\nneedle`);
    const { lines: found } = await started.files.search("needle", long, { engine: "built-in" });
    expect(found).toMatchObject([
      { column: 3_000_001, cutBefore: true, cutAfter: true, matched: ["needle"] },
      { column: 1, cutBefore: false, cutAfter: false },
    ]);
    expect(found[0]?.text.length).toBeLessThan(401);
    expect(found[0]?.text).not.toContain("\uFFFD");
  });

  test("a line without an end, beyond all memory, is searched at its beginning and passed over [find.bounded]", async () => {
    const file = join(temporaryFolder(), "endless");
    writeFileSync(file, "first ");
    for (let i = 0; i < 40; i++) appendFileSync(file, Buffer.alloc(1 << 20, "y"));
    appendFileSync(file, "\nlast first\n");
    const { lines } = await started.files.search("first", file, { engine: "built-in" });
    expect(lines.map(({ line, column }) => [line, column])).toEqual([
      [1, 1],
      [2, 6],
    ]);
  });

  test("FIFOs, devices, links, binary files and /proc are passed over or read in bounded time [find.bounded]", async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, "binary"), "needle\0");
    writeFileSync(join(root, "na\nme"), "needle");
    spawnSync("mkfifo", [join(root, "pipe")]);
    symlinkSync(".", join(root, "loop"));
    symlinkSync("na\nme", join(root, "link"));
    mkdirSync(join(root, "empty"));
    const { lines } = await started.files.search("needle", root, { engine: "built-in" });
    expect(lines.map(({ path }) => path)).toEqual(["na\nme"]);
    const began = performance.now();
    await started.files.search("needle", "/proc", { engine: "built-in", timeMs: 1_000 });
    expect(performance.now() - began).toBeLessThan(5_000);
    const pipe = started.files.search("x", join(root, "pipe"), { engine: "built-in" });
    expect(await pipe.catch((error: Error) => error)).toMatchObject({ code: "FILE_ERROR" });
  }, 15_000);

  test("a cancelled search leaves the next ones alone [find.bounded]", async () => {
    const stop = AbortSignal.timeout(100);
    const search = started.files.search("(x+x+)+y", "/usr", { engine: "built-in", timeMs: 60_000, signal: stop });
    expect(await search.catch((error: Error) => error)).toMatchObject({ code: "CANCELLED" });
    expect(await inText("after", "after")).toEqual(["1:1 after"]);
  });
});

test.skipIf(!isLinux)(
  "mutated patterns, globs and rules find nothing for the sanitizers [find.clean, find.linear]",
  () => {
    const names = [
      "test/find.c",
      "glob.c",
      "ignore.c",
      "pattern.c",
      "pattern_atom.c",
      "pattern_class.c",
      "pattern_run.c",
    ];
    const driver = compile(
      "sanitized",
      names.map((name) => join(SOURCES, name)),
      "find",
    );
    const done = spawnSync(driver, { encoding: "utf8", timeout: 60_000 });
    expect([done.status, done.stdout, done.stderr]).toEqual([0, "100000 inputs\n", ""]);
  },
  100_000,
);
