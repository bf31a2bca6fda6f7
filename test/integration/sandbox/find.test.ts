import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SearchOptions } from "../../../src/sandbox/files/search.ts";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { cleanUpAfterAll, openSandbox, podman, run, temporaryFolder, until } from "../../support/sandboxes.ts";

cleanUpAfterAll();

const bare = `localhost/podexec-test-find:${process.pid}`;
let sandbox: Sandbox;

beforeAll(async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "bin"));
  copyFileSync("/bin/busybox", join(folder, "bin/busybox"));
  symlinkSync("busybox", join(folder, "bin/sh"));
  writeFileSync(join(folder, "Containerfile"), "FROM scratch\nLABEL podexec.test=1\nCOPY bin /bin\nUSER 1000\n");
  await podman(["build", "--quiet", "--layers=false", "--tag", bare, folder]);
  sandbox = await openSandbox();
  await run(sandbox, PLANT);
}, 120_000);
afterAll(async () => void (await podman(["rmi", "--force", bare])));

/** A tree in which every rule has something to do. */
const PLANT = `
mkdir -p /w/.git /w/src/deep/er /w/node_modules/x /w/out /w/.config /w/keep && cd /w
printf 'node_modules/\\n/out\\n*.log\\n!keep/*.log\\n' > .gitignore
printf '*.secret\\n' > src/.ignore; printf 'deep/*.c\\n' > src/.gitignore
for f in a.ts b.ts src/c.ts src/deep/d.c src/deep/e.ts src/deep/er/f.md src/g.secret h.log keep/i.log out/j node_modules/x/k.js .config/l .git/m
do printf 'import one from "%s";\\nconst Foo = 1;\\n\\n\\tfoo(Foo, bar[2]);\\r\\nlast line of %s: \\303\\204rger' $f $f > $f; done
printf 'needle\\0binary import\\n' > binary; printf 'caf\\303\\251 \\377 import\\n' > latin; : > empty
head -c 300000 /dev/zero | tr '\\0' x > long; printf ' import tail\\n' >> long
mkfifo pipe; ln -s . loop; ln -s a.ts link
`;

const SEARCHES: [string, SearchOptions][] = [
  ["import", {}],
  ["import", { hidden: true }],
  ["import", { ignore: false }],
  ["import", { hidden: true, ignore: false }],
  ["import", { globs: ["*.ts"] }],
  ["import", { globs: ["*.{ts,c}", "!src/c*"] }],
  ["import", { globs: ["*.log"] }],
  ["import", { globs: ["!src/"] }],
  ["import", { globs: ["src/**/*.ts"] }],
  ["foo", { case: "insensitive", before: 1, after: 2 }],
  ["foo", { case: "smart" }],
  ["Foo", { case: "smart", after: 1, limit: 3 }],
  ["bar[2]", { literal: true }],
  ["^\\w+ \\w+", { perFile: 1 }],
  ["(?i)ärger$", {}],
  ["\\bF\\w*|l.st", { before: 3 }],
  ["^$", {}],
  [";$", {}],
  ["x* import", {}],
  ["caf\\w", {}],
  ["nothing at all", {}],
];

test.each(SEARCHES)(
  "%s with %j: ripgrep and what is built in find the same [find.search]",
  async (pattern, options) => {
    const [theirs, ours] = await Promise.all([
      sandbox.files.search(pattern, "/w", options),
      sandbox.files.search(pattern, "/w", { ...options, engine: "built-in" }),
    ]);
    expect([theirs.engine, ours.engine, theirs.path]).toEqual(["ripgrep", "built-in", "/w"]);
    expect(ours.lines).toEqual(theirs.lines);
    expect([ours.matches, ours.cut]).toEqual([theirs.matches, theirs.cut]);
    if (pattern !== "nothing at all") expect(ours.matches).toBeGreaterThan(0);
  },
);

test.each(["a(b", "[b", "x{3,1}", "*a"])("both engines say where %s is wrong [find.refused]", async (pattern) => {
  for (const engine of ["any", "built-in"] as const) {
    const asked = sandbox.files.search(pattern, "/w", { engine }).catch((error: Error) => error);
    expect(await asked).toMatchObject({
      code: "INVALID_PARAMS",
      message: expect.stringMatching(/^pattern: .*\(character [12345]\)$/),
    });
  }
});

test("no pattern, glob or path becomes a flag or a command of ripgrep [find.refused]", async () => {
  await run(sandbox, "mkdir -p '/w2/--pre=sh' && echo '--files $(touch /w2/made)' > '/w2/--pre=sh/-f'");
  const found = await sandbox.files.search("--files $(", "/w2", { literal: true, globs: ["-f"] });
  expect(found).toMatchObject({ engine: "ripgrep", lines: [{ path: "--pre=sh/-f", line: 1 }] });
  const one = await sandbox.files.search("--help|touch", "/w2/--pre=sh/-f");
  expect(one).toMatchObject({ matches: 1, path: "/w2/--pre=sh" });
  expect(await run(sandbox, "ls /w2")).toMatchObject({ output: "--pre=sh\n" });
});

test("what is called rg and never ends, or floods, or is broken, is ended and done without [find.hostile]", async () => {
  const fake = await openSandbox();
  const become = (script: string) =>
    run(fake, `printf '#!/bin/sh\\n${script}\\n' > /usr/local/bin/rg; chmod +x /usr/local/bin/rg`);
  await become("exec sleep 1000");
  expect(await fake.files.search("x", "/etc", { timeMs: 500 })).toMatchObject({ cut: "time", matches: 0 });
  for (const script of ["exec yes", "exit 127", "kill -11 $$"]) {
    await become(script);
    expect(await fake.files.search("root:", "/etc/passwd")).toMatchObject({ engine: "built-in", matches: 1 });
  }
  await become("head -c 100000000 /dev/zero; sleep 1000");
  expect(await fake.files.search("x", "/etc")).toMatchObject({ cut: "size", matches: 0 });
  const isRunning = async () => /sleep 1000|yes/.test((await run(fake, "ps ax | grep -v grep")).output);
  await until("the end of all", async () => !(await isRunning()));
}, 60_000);

test("an image with nothing but busybox is enough to list, search and watch [find.search, find.list, watch.told]", async () => {
  const small = await openSandbox({ image: bare });
  await run(small, "mkdir -p /tmp/t/a && echo 'hello there' > /tmp/t/a/b && : > /tmp/t/f");
  expect(await small.files.search("h\\w+ there", "/tmp")).toMatchObject({
    engine: "built-in",
    lines: [{ path: "t/a/b", line: 1, column: 1 }],
  });
  const { entries } = await small.files.list("/tmp/t", { depth: 3 });
  expect(entries.map(({ path }) => path)).toEqual(["a", "f", "a/b"]);
  let changes = 0;
  const watch = await small.watches.watch("/tmp/t/f", () => void changes++);
  await run(small, "echo 1 > /tmp/t/f");
  await until("a change", () => changes > 0);
  watch.close();
}, 60_000);

test("what even root may not read is told, and the rest is there [find.bounded]", async () => {
  const { entries, unreadable } = await sandbox.files.list("/proc/1", { depth: 2, limit: 5_000 });
  expect(unreadable.get("fdinfo")).toBe("EACCES");
  expect(entries.length).toBeGreaterThan(100);
  const { unreadable: count } = await sandbox.files.search("x", "/proc/1", { engine: "built-in" });
  expect(count).toBeGreaterThan(0);
});

test("devices, /proc and /sys end in bounded time, for both engines [find.bounded]", async () => {
  for (const path of ["/dev", "/proc", "/sys"]) {
    const began = performance.now();
    await sandbox.files.list(path, { depth: 20, limit: 5_000, timeMs: 2_000 });
    for (const engine of ["any", "built-in"] as const)
      await sandbox.files.search("x", path, { engine, limit: 100, timeMs: 2_000 });
    expect(performance.now() - began).toBeLessThan(12_000);
  }
}, 60_000);

test("a folder of 200,000 entries is cut, in bounded memory and time [find.bounded]", async () => {
  const make = `mkdir /tmp/many && cd /tmp/many && perl -e 'open(F, ">", $_) for 1 .. 200000' && ls -U | wc -l`;
  const made = await run(sandbox, make, { timeoutMs: 110_000 });
  expect(made.output.trim()).toBe("200000");
  const began = performance.now();
  const { entries, cut, omitted } = await sandbox.files.list("/tmp/many", { limit: 100, timeMs: 20_000 });
  expect([entries.length, cut, omitted.get("")]).toEqual([100, "limit", 199_900]);
  expect(performance.now() - began).toBeLessThan(15_000);
}, 120_000);

test("a listing and a search take a few milliseconds [find.bounded]", async () => {
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const began = performance.now();
    await sandbox.files.list("/w", { depth: 3 });
    times.push(performance.now() - began);
  }
  expect(times.toSorted((a, b) => a - b)[10]).toBeLessThan(15);
});
