/** Deleting and moving files through an agent's worker. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { beforeAll, describe, expect, test } from "bun:test";
import { compile, isLinux, TESTED_BUILDS } from "../support/agent-harness.ts";
import { COMPILE_MS, failureOf, openFiles } from "../support/files.ts";

const isRoot = process.getuid?.() === 0;
const OTHER = "/dev/shm";

describe.skipIf(!isLinux).each(TESTED_BUILDS)("files, %s build: deleting and moving", (build) => {
  beforeAll(() => void compile(build), COMPILE_MS);

  test("a file, a link and an empty folder go; what a link names stays [files.delete]", async () => {
    await using on = await openFiles(build);
    mkdirSync(on.at("kept"));
    writeFileSync(on.at("kept/a"), "");
    mkdirSync(on.at("d"));
    symlinkSync(on.at("kept"), on.at("link"));
    expect(await on.files.delete(on.at("link"), { recursive: true })).toBe(1);
    expect(await on.files.delete(on.at("d"))).toBe(1);
    expect(await failureOf(on.files.delete(on.at("kept")))).toMatch(/ENOTEMPTY.*recursive/);
    expect(await failureOf(on.files.delete(on.at("none")))).toMatch(/^FILE_NOT_FOUND/);
    expect(readdirSync(on.folder)).toEqual(["kept"]);
  });

  test("a folder with 10,000 entries, links out of it and odd names goes within a second [files.delete, files.names]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("outside"), "stays");
    mkdirSync(on.at("d/sub/deep"), { recursive: true });
    for (let i = 0; i < 10_000; i++) writeFileSync(on.at(`d/sub/${i}`), "");
    symlinkSync(on.folder, on.at("d/up"));
    symlinkSync(on.at("outside"), on.at("d/sub/deep/file"));
    writeFileSync(on.at("d/new\nline"), "");
    Bun.spawnSync(["mkfifo", on.at("d/fifo")]);
    const started = performance.now();
    expect(await on.files.delete(on.at("d"), { recursive: true })).toBe(10_007);
    expect(performance.now() - started).toBeLessThan(3_000);
    expect([existsSync(on.at("d")), readFileSync(on.at("outside"), "utf8")]).toEqual([false, "stays"]);
  });

  test("folders below the deepest level that is taken are an error that says so [files.delete, files.errors]", async () => {
    await using on = await openFiles(build);
    mkdirSync(on.at("d/".repeat(300)), { recursive: true });
    expect(await failureOf(on.files.delete(on.at("d"), { recursive: true }))).toMatch(/ELOOP.*shell_exec/);
    expect(await on.files.delete(on.at("d/".repeat(100)), { recursive: true })).toBe(201);
  });

  test.skipIf(!isRoot)("what is bound below a folder from the same file system stays [files.delete]", async () => {
    await using on = await openFiles(build);
    mkdirSync(on.at("kept"));
    writeFileSync(on.at("kept/a"), "");
    mkdirSync(on.at("d/bound"), { recursive: true });
    const mounted = Bun.spawnSync(["mount", "--bind", on.at("kept"), on.at("d/bound")]);
    if (mounted.exitCode !== 0) throw new Error(mounted.stderr.toString());
    try {
      expect(await failureOf(on.files.delete(on.at("d"), { recursive: true }))).toMatch(/d\/bound\).*mounted.*EBUSY/);
      expect(await failureOf(on.files.delete(on.at("d/bound"), { recursive: true }))).toMatch(/mounted.*EBUSY/);
    } finally {
      Bun.spawnSync(["umount", on.at("d/bound")]);
    }
    expect(readdirSync(on.at("kept"))).toEqual(["a"]);
  });

  test("a slash behind a link does not make it followed [files.delete, files.links]", async () => {
    await using on = await openFiles(build);
    mkdirSync(on.at("kept/sub"), { recursive: true });
    symlinkSync("kept", on.at("link"));
    expect(await on.files.delete(`${on.at("link")}//`, { recursive: true })).toBe(1);
    expect([readdirSync(on.folder), readdirSync(on.at("kept"))]).toEqual([["kept"], ["sub"]]);
  });

  test("where commands start is not deleted, nor what is above it [files.delete, files.errors]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "");
    for (const path of [on.folder, ".", `${on.folder}/`, "./."])
      expect(await failureOf(on.files.delete(path, { recursive: true }))).toMatch(/commands start there.*EBUSY/);
    expect(readdirSync(on.folder)).toEqual(["a"]);
  });

  test("a file is moved to a new name and replaces another only when told [files.move]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "a");
    writeFileSync(on.at("b"), "b");
    expect(await failureOf(on.files.move(on.at("a"), on.at("b")))).toMatch(/EEXIST/);
    await on.files.move(on.at("a"), on.at("b"), { overwrite: true });
    await on.files.move(on.at("b"), on.at("x/y/c"), { createFolders: true });
    expect([existsSync(on.at("a")), readFileSync(on.at("x/y/c"), "utf8")]).toEqual([false, "a"]);
    expect(await failureOf(on.files.move(on.at("none"), on.at("b")))).toMatch(/^FILE_NOT_FOUND/);
    expect(await failureOf(on.files.move(on.at("x"), on.at("x/y/z")))).toMatch(/into itself/);
  });

  test("a tree moves to another file system whole: modes, times, links [files.move]", async () => {
    await using on = await openFiles(build);
    const other = mkdtempSync(`${OTHER}/podexec-test-`);
    try {
      if (statSync(other).dev === statSync(on.folder).dev) throw new Error(`${OTHER} is no file system of its own`);
      mkdirSync(on.at("d/sub"), { recursive: true });
      writeFileSync(on.at("d/sub/a"), "content");
      chmodSync(on.at("d/sub/a"), 0o741);
      symlinkSync("sub/a", on.at("d/link"));
      const before = statSync(on.at("d/sub/a")).mtimeMs;
      await on.files.move(on.at("d"), `${other}/moved`);
      const after = statSync(`${other}/moved/sub/a`);
      expect([existsSync(on.at("d")), readFileSync(`${other}/moved/link`, "utf8")]).toEqual([false, "content"]);
      expect([after.mode & 0o7777, Math.abs(after.mtimeMs - before) < 1, readlinkSync(`${other}/moved/link`)]).toEqual([
        0o741,
        true,
        "sub/a",
      ]);
      await on.files.move(`${other}/moved/sub/a`, on.at("back"));
      expect(await failureOf(on.files.move(on.at("back"), `${other}/moved/link`))).toMatch(/EEXIST/);
      expect(readdirSync(other)).toEqual(["moved"]);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  test("links are made, and replace a file only when told [files.links]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "");
    await on.files.link(on.at("link"), "a");
    expect(await failureOf(on.files.link(on.at("a"), "b"))).toMatch(/EEXIST/);
    await on.files.link(on.at("a"), "b", { overwrite: true });
    expect([lstatSync(on.at("a")).isSymbolicLink(), readlinkSync(on.at("link"))]).toEqual([true, "a"]);
    await on.files.makeFolder(on.at("x/y"), { mode: 0o700 });
    await on.files.makeFolder(on.at("x/y"));
    expect(await failureOf(on.files.makeFolder(on.at("link/x")))).toMatch(/FILE/);
    expect(await failureOf(on.files.link(on.at("x"), "b", { overwrite: true }))).toMatch(/EISDIR/);
    expect(readdirSync(on.folder).toSorted()).toEqual(["a", "link", "x"]);
  });
});
