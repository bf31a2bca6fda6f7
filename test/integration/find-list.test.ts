import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isLinux, TESTED_BUILDS } from "../support/agent-harness.ts";
import { startFiles } from "../support/agent-files.ts";
import { cleanUpAfterAll, temporaryFolder } from "../support/sandboxes.ts";

cleanUpAfterAll();

/** A tree of files with their content; a name that ends with `/` is an empty folder. */
function plant(root: string, tree: Record<string, string>): string {
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(join(root, path.endsWith("/") ? path : dirname(path)), { recursive: true });
    if (!path.endsWith("/")) writeFileSync(join(root, path), content);
  }
  return root;
}

/** Numbers that look random and are the same each time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

const WORDS = ["a", "b", "ab", "abc", "a.c", "b.log", "x y", "foo.txt", "Foo", "[x]", "a!b", "#h", "~"];
const RULES = [
  ..."a b ab/ /a /b/ *.log *.c !b.log a/b a/** **/b a/**/b **/ab/** a* *b ?b [ab] [!a]bc [^f]oo.txt".split(" "),
  ..."/*/a a/ !a/ !/a/b foo.* !foo.txt [[:upper:]]oo \\#h \\!x a\\!b **/x*y /**/c.c * !*/ !*.txt x\\ y [a-c]* **".split(
    " ",
  ),
  ...["x y ", "a\\ ", "", "# note", "  ", "!", "/", "b//", "[x", "[]x]", "a[]b", "\\", "**a", "a**", "**/", "a/*/b"],
];

/** A repository with nested rules. */
function randomRepository(seed: number): string {
  const roll = dice(seed);
  const pick = (from: readonly string[]) => from[roll(from.length)] ?? "a";
  const path = () => Array.from({ length: 1 + roll(4) }, () => pick(WORDS)).join("/");
  const root = temporaryFolder("podexec-ignore-");
  execFileSync("git", ["init", "--quiet", root]);
  const rules = () => Array.from({ length: 1 + roll(6) }, () => pick(RULES)).join(roll(4) ? "\n" : "\r\n");
  for (const folder of ["", "a", "b/a", "ab", "a/b"]) {
    mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, folder, ".gitignore"), rules());
  }
  for (let i = 0; i < 150; i++) {
    const file = join(root, path());
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "x", { flag: "wx" });
    } catch {
      // Taken by a file or a folder of that name.
    }
  }
  return root;
}

/** What git would add. */
function untracked(root: string): string[] {
  const listed = execFileSync("git", ["-C", root, "ls-files", "-z", "--others", "--exclude-standard"], {
    env: { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
  });
  return listed.toString().split("\0").filter(Boolean).toSorted();
}

describe.skipIf(!isLinux).each(TESTED_BUILDS)("listing with the %s agent", (build) => {
  let started: Awaited<ReturnType<typeof startFiles>>;
  beforeAll(async () => {
    started = await startFiles({ build });
  });
  afterAll(() => started[Symbol.asyncDispose](), 20_000);

  test("what git ignores is left out, in forty random repositories [find.ignore, find.clean]", async () => {
    let kept = 0;
    let all = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const root = randomRepository(seed);
      const { entries } = await started.files.list(root, { depth: 20, limit: 5_000, hidden: true });
      const files = entries.filter(({ kind }) => kind === "file").map(({ path }) => path);
      expect([seed, files.toSorted()]).toEqual([seed, untracked(root)]);
      kept += files.length;
      all += Number(
        execFileSync("/bin/sh", [
          "-c",
          'find "$1" -name .git -prune -o -type f -print0 | tr -cd "\\0" | wc -c',
          "sh",
          root,
        ]),
      );
    }
    expect([kept > 500, all - kept > 500]).toEqual([true, true]);
  }, 60_000);

  test(".ignore overrules .gitignore, and rules above the folder hold up to its repository [find.ignore]", async () => {
    const root = plant(temporaryFolder(), {
      ".gitignore": "*.log\n",
      "repo/.git/HEAD": "",
      "repo/.gitignore": "/out\n*.tmp\n",
      "repo/.ignore": "!keep.tmp\nsecret\n",
      "repo/sub/keep.tmp": "",
      "repo/sub/drop.tmp": "",
      "repo/sub/secret": "",
      "repo/sub/a.log": "",
      "repo/sub/out": "",
    });
    const { entries } = await started.files.list(join(root, "repo/sub"));
    expect(entries.map(({ path }) => path)).toEqual(["a.log", "keep.tmp", "out"]);
    const all = await started.files.list(join(root, "repo/sub"), { ignore: false });
    expect(all.entries).toHaveLength(5);
  });

  test("entries have a type, a size, a mode, a time and a target, and names may be anything [find.list]", async () => {
    const root = plant(temporaryFolder(), { "b\n2": "four", "a/deep/er": "", ".hidden": "" });
    symlinkSync("/nowhere\n", join(root, "link"));
    spawnSync("mkfifo", [join(root, "pipe")]);
    chmodSync(join(root, "b\n2"), 0o640);
    const { entries, kind, path, cut } = await started.files.list(root, { depth: 2 });
    expect([path, kind, cut]).toEqual([root, "folder", undefined]);
    expect(entries.map((entry) => [entry.path, entry.kind, entry.target])).toEqual([
      ["a", "folder", undefined],
      ["b\n2", "file", undefined],
      ["link", "link", "/nowhere\n"],
      ["pipe", "fifo", undefined],
      ["a/deep", "folder", undefined],
    ]);
    expect(entries[1]).toMatchObject({ size: 4, mode: 0o640 });
    expect(Math.abs((entries[1]?.modifiedMs ?? 0) - Date.now())).toBeLessThan(60_000);
    expect((await started.files.list(root, { hidden: true })).entries[0]?.path).toBe(".hidden");
  });

  test("globs choose and leave out, and links are not followed round in circles [find.list, find.bounded]", async () => {
    const root = plant(temporaryFolder(), { "src/a.ts": "", "src/a.c": "", "test/b.ts": "", "x.md": "" });
    symlinkSync("..", join(root, "src/loop"));
    const of = async (...globs: string[]) =>
      (await started.files.list(root, { depth: 50, globs })).entries.map(({ path }) => path);
    expect(await of("*.ts")).toEqual(["src/a.ts", "test/b.ts"]);
    expect(await of("**/*.{ts,c}", "!test/")).toEqual(["src/a.c", "src/a.ts"]);
    expect(await of("!*.ts", "!loop")).toEqual(["src", "test", "x.md", "src/a.c"]);
    expect(await of("/src/*.c")).toEqual(["src/a.c"]);
  });

  test("a large folder is cut at the limit, upper levels first, and says how much is left out [find.bounded]", async () => {
    const root = plant(temporaryFolder(), { "z/y": "", "b/": "", top: "" });
    for (let i = 0; i < 10_000; i++) writeFileSync(join(root, "b", String(i).padStart(5, "0")), "");
    const { entries, cut, omitted } = await started.files.list(root, { depth: 5, limit: 100 });
    expect(entries.map(({ path }) => path).slice(0, 5)).toEqual(["b", "top", "z", "b/00000", "b/00001"]);
    expect([entries.length, cut, omitted.get("b"), omitted.get("z")]).toEqual([100, "limit", 9_903, 0]);
    const began = performance.now();
    const all = await started.files.list(root, { depth: 2, limit: 20_000 });
    expect([all.entries.length, all.cut]).toEqual([10_004, undefined]);
    expect(performance.now() - began).toBeLessThan(5_000);
  }, 30_000);

  test("what cannot be listed is said, and a file is its own list [find.refused, find.list]", async () => {
    const root = plant(temporaryFolder(), { "a/b": "12345" });
    expect(await started.files.list(join(root, "a/b"))).toMatchObject({
      kind: "file",
      entries: [{ path: "b", size: 5 }],
    });
    const failing = async (path: string, globs: string[] = []) =>
      started.files.list(path, { globs }).then(String, (error: { code: string; message: string }) => error);
    expect(await failing(join(root, "no"))).toMatchObject({ code: "FILE_NOT_FOUND" });
    expect(await failing(root, ["{a,b}".repeat(20)])).toMatchObject({ code: "INVALID_PARAMS" });
    expect(await failing(root, ["/"])).toMatchObject({ code: "INVALID_PARAMS", message: "not a glob: /" });
  });

  test("/proc and folders 3,000 levels deep end in bounded time [find.bounded]", async () => {
    const half = "d/".repeat(1_500);
    const folded = `mkdir "$1" && cd -P "$1" && mkdir -p "$2" && cd "$2" && mkdir -p "$2"`;
    const folder = temporaryFolder();
    // The longest path that fits ends in a name or in a slash.
    for (const root of [join(folder, "a"), join(folder, "ab")]) {
      expect(spawnSync("/bin/sh", ["-c", folded, "sh", root, half]).status).toBe(0);
      const { entries, cut, unreadable } = await started.files.list(root, { depth: 5_000, limit: 10_000 });
      expect([entries.length > 1_000, cut, [...unreadable]]).toEqual([true, "size", []]);
    }
    const began = performance.now();
    const proc = await started.files.list("/proc", { depth: 100, limit: 50_000, timeMs: 700 });
    expect(proc.entries.length).toBeGreaterThan(100);
    expect(performance.now() - began).toBeLessThan(4_000);
  }, 30_000);
});
