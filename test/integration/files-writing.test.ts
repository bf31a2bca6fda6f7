/** Writing files through an agent's worker. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { beforeAll, describe, expect, test } from "bun:test";
import { compile, isLinux, TESTED_BUILDS, until } from "../support/agent-harness.ts";
import { COMPILE_MS, bytes, failureOf, openFiles, text } from "../support/files.ts";

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isLinux).each(TESTED_BUILDS)("files, %s build: writing", (build) => {
  beforeAll(() => void compile(build), COMPILE_MS);

  test("a new file has the mode that is told, and folders above are made [files.write]", async () => {
    await using on = await openFiles(build);
    const written = await on.files.write(on.at("x/y/z"), bytes("new"), { mode: 0o750, createFolders: true });
    expect(written).toMatchObject({ isNew: true, bytes: 3, info: { path: on.at("x/y/z"), mode: 0o750, size: 3 } });
    expect(readFileSync(on.at("x/y/z"), "utf8")).toBe("new");
    expect(await failureOf(on.files.write(on.at("no/folder"), bytes("")))).toMatch(/^FILE_NOT_FOUND/);
    expect(await failureOf(on.files.write(on.at("x/y/z/w"), bytes(""), { createFolders: true }))).toMatch(/ENOTDIR/);
  });

  test("a replaced file keeps its mode and owner, and nothing is left beside it [files.write]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "old");
    if (isRoot) chownSync(on.at("a"), 1234, 2345);
    chmodSync(on.at("a"), 0o4711);
    const { isNew } = await on.files.write(on.at("a"), bytes("newer"));
    const { mode, uid, gid } = statSync(on.at("a"));
    expect([isNew, readFileSync(on.at("a"), "utf8"), mode & 0o7777]).toEqual([false, "newer", 0o4711]);
    if (isRoot) expect([uid, gid]).toEqual([1234, 2345]);
    expect(readdirSync(on.folder)).toEqual(["a"]);
  });

  test("append writes at the end, create refuses what is there [files.write, files.errors]", async () => {
    await using on = await openFiles(build);
    await on.files.write(on.at("a"), bytes("one"), { how: "append" });
    expect(await on.files.write(on.at("a"), bytes("two"), { how: "append" })).toMatchObject({ isNew: false, bytes: 3 });
    expect(await failureOf(on.files.write(on.at("a"), bytes("x"), { how: "create" }))).toMatch(/EEXIST/);
    await on.files.write(on.at("b"), bytes("b"), { how: "create" });
    expect([readFileSync(on.at("a"), "utf8"), readFileSync(on.at("b"), "utf8")]).toEqual(["onetwo", "b"]);
  });

  test("through a link its target is replaced and the link stays [files.links]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "old");
    for (const [target, name] of [
      ["a", "link"],
      ["nowhere", "dangling"],
      ["circle", "circle"],
    ] as const)
      symlinkSync(target, on.at(name));
    const { info } = await on.files.write(on.at("link"), bytes("new"));
    expect([info.path, readFileSync(on.at("a"), "utf8")]).toEqual([on.at("a"), "new"]);
    expect((await on.files.stat(on.at("link"), { isLinkItself: true })).kind).toBe("link");
    expect(await failureOf(on.files.write(on.at("dangling"), bytes("")))).toMatch(/symbolic link that leads nowhere/);
    expect(await failureOf(on.files.write(on.at("circle"), bytes("")))).toMatch(/ELOOP/);
    expect(existsSync(on.at("nowhere"))).toBe(false);
  });

  test("where a file came to lie is told, whoever swaps folders meanwhile [files.write]", async () => {
    await using on = await openFiles(build);
    for (const name of ["a", "other"]) mkdirSync(on.at(name));
    writeFileSync(on.at("other/file"), "other");
    const swapped = (async function* () {
      yield bytes("ne");
      await until(() => readdirSync(on.at("a")).length > 0, "the beginning of the file");
      renameSync(on.at("a"), on.at("moved"));
      symlinkSync("other", on.at("a"));
      yield bytes("w");
    })();
    expect((await on.files.write(on.at("a/file"), swapped)).info.path).toBe(on.at("moved/file"));
    expect(readFileSync(on.at("moved/file"), "utf8")).toBe("new");
    expect(readFileSync(on.at("other/file"), "utf8")).toBe("other");
  });

  test("folders, FIFOs and devices are not written over [files.kinds]", async () => {
    await using on = await openFiles(build);
    Bun.spawnSync(["mkfifo", on.at("fifo")]);
    for (const how of ["replace", "append", "create"] as const) {
      expect(await failureOf(on.files.write(on.at("fifo"), bytes("x"), { how }))).toMatch(/is a FIFO/);
      expect(await failureOf(on.files.write("/dev/null", bytes("x"), { how }))).toMatch(/is a character device/);
      expect(await failureOf(on.files.write(on.folder, bytes("x"), { how }))).toMatch(/is a folder/);
    }
    for (const name of ["", "/", ".", "d/..", "d/"]) {
      mkdirSync(on.at("d"), { recursive: true });
      expect(await failureOf(on.files.write(`${on.folder}/${name}`, bytes("x")))).toMatch(/EISDIR|folder/);
    }
    expect(readdirSync(on.folder).toSorted()).toEqual(["d", "fifo"]);
  });

  test("readers see the old or the new content and nothing between [files.write]", async () => {
    await using on = await openFiles(build);
    const content = (letter: string) => bytes(letter.repeat(300_000));
    await on.files.write(on.at("a"), content("a"));
    const seen = new Set<string>();
    let isOver = false;
    const reading = (async () => {
      while (!isOver) {
        const read = text((await on.files.read(on.at("a"))).bytes);
        seen.add(`${read.length} ${[...new Set(read)].join("")}`);
      }
    })();
    for (let i = 0; i < 40; i++) await on.files.write(on.at("a"), content(i % 2 === 0 ? "b" : "a"));
    isOver = true;
    await reading;
    expect([...seen].every((one) => /^300000 [ab]$/.test(one))).toBe(true);
    expect(seen.size).toBeGreaterThan(0);
  });

  test("a write whose source fails or whose caller leaves changes nothing [files.write, files.workers]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "old");
    async function* failing() {
      yield bytes("x".repeat(1_000_000));
      throw new Error("the source failed");
    }
    const failed = await on.files.write(on.at("a"), failing()).catch((error: unknown) => String(error));
    expect(failed).toBe("Error: the source failed");
    expect(readdirSync(on.folder)).toEqual(["a"]);
    const leaving = new AbortController();
    async function* endless() {
      for (let i = 0; ; i++) {
        if (i === 5) leaving.abort();
        yield bytes("x".repeat(300_000));
        await Bun.sleep(1);
      }
    }
    expect(await failureOf(on.files.write(on.at("a"), endless(), { signal: leaving.signal }))).toMatch(/^CANCELLED/);
    await until(() => readdirSync(on.folder).length === 1, "the unfinished file's end");
    expect(readFileSync(on.at("a"), "utf8")).toBe("old");
  });

  test.skipIf(!isRoot)(
    "a disk that is full fails the write at once, and the old file stays [files.write, files.errors]",
    async () => {
      await using on = await openFiles(build);
      let sent = 0;
      async function* endless() {
        for (;;) {
          sent++;
          yield bytes("x".repeat(262_144));
        }
      }
      const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "none", on.folder]);
      if (mounted.exitCode !== 0) throw new Error(mounted.stderr.toString());
      try {
        writeFileSync(on.at("a"), "old");
        expect(await failureOf(on.files.write(on.at("a"), endless()))).toMatch(/FILE_ERROR: .*ENOSPC.*disk is full/);
        expect(sent).toBeLessThan(100);
        expect(await failureOf(on.files.write(on.at("a"), endless(), { how: "append" }))).toMatch(/ENOSPC/);
        await until(() => readdirSync(on.folder).length === 1 && statSync(on.at("a")).size === 3, "the old state");
        expect(readFileSync(on.at("a"), "utf8")).toBe("old");
      } finally {
        Bun.spawnSync(["umount", on.folder]);
      }
    },
  );

  test("of fifty edits at once, some through a link, none is lost [files.update]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), Array.from({ length: 50 }, (_, i) => `value ${i};\n`).join(""));
    symlinkSync("a", on.at("link"));
    const edit = (i: number) =>
      on.files.edit(on.at(i % 2 === 0 ? "a" : "link"), [{ old: `value ${i};`, new: `done ${i};`, count: 1 }]);
    await Promise.all(Array.from({ length: 50 }, (_, i) => edit(i)));
    expect(readFileSync(on.at("a"), "utf8").match(/done/g)?.length).toBe(50);
  });

  test("a write that expects another content than there is changes nothing [files.update, files.errors]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "one");
    const { info } = await on.files.read(on.at("a"));
    writeFileSync(on.at("a"), "two");
    const late = on.files.write(on.at("a"), bytes("three"), { expected: info.version });
    expect(await failureOf(late)).toMatch(/changed meanwhile .*Read the file again/);
    expect(readFileSync(on.at("a"), "utf8")).toBe("two");
  });
});
