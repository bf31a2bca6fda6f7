/** Reading files through an agent's worker. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { beforeAll, describe, expect, test } from "bun:test";
import { compile, isLinux, TESTED_BUILDS } from "../support/agent-harness.ts";
import { COMPILE_MS, failureOf, openFiles, text } from "../support/files.ts";

describe.skipIf(!isLinux).each(TESTED_BUILDS)("files, %s build: reading", (build) => {
  beforeAll(() => void compile(build), COMPILE_MS);

  test("bytes are read by range, and what the file is comes with them [files.read]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "0123456789", { mode: 0o640 });
    const { info, bytes } = await on.files.read(on.at("a"), { offset: 3, length: 4 });
    expect([text(bytes), info.size, info.mode, info.kind, text(info.head)]).toEqual([
      "3456",
      10,
      0o640,
      "file",
      "0123456789",
    ]);
    expect(text((await on.files.read(on.at("a"), { offset: 8, length: 99 })).bytes)).toBe("89");
    expect((await on.files.read(on.at("a"), { offset: 99 })).bytes.length).toBe(0);
    expect((await on.files.read(on.at("a"), { offset: Number.MAX_SAFE_INTEGER })).bytes.length).toBe(0);
  });

  test("lines are read by number, and all of them are counted [files.read]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), Array.from({ length: 100_000 }, (_, i) => `line ${i + 1}\n`).join(""));
    const got = await on.files.readLines(on.at("a"), { from: 50_000, to: 50_001, maxBytes: 1_000 });
    expect(text(got.bytes)).toBe("line 50000\nline 50001\n");
    expect(got).toMatchObject({ complete: 2, totalLines: 100_000, isCut: false, isCounted: true });
    expect(got.totalBytes).toBe(got.info.size);
  });

  test.each([
    ["", 1, { text: "", complete: 0, totalLines: 0 }],
    ["one", 1, { text: "one", complete: 0, totalLines: 1 }],
    ["one\n", 2, { text: "", complete: 0, totalLines: 1 }],
    ["one\n\n", 2, { text: "\n", complete: 1, totalLines: 2 }],
    ["a\nb\nc", 2, { text: "b\nc", complete: 1, totalLines: 3 }],
  ])("the lines of %j from line %d on [files.read]", async (content, from, { text: expected, ...counts }) => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), content);
    const got = await on.files.readLines(on.at("a"), { from, maxBytes: 100 });
    expect(text(got.bytes)).toBe(expected);
    expect(got).toMatchObject(counts);
  });

  test("lines that do not fit are cut off, and it is said where [files.read]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), `first\n${"x".repeat(1_000_000)}\nlast\n`);
    const got = await on.files.readLines(on.at("a"), { from: 2, maxBytes: 300_000 });
    expect(got).toMatchObject({ offset: 6, complete: 0, totalLines: 3, isCut: true });
    expect(got.bytes.length).toBe(300_000);
  });

  test("a relative path begins where commands do, and ~ is the home folder [files.read]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "home");
    expect(text((await on.files.read("~/a")).bytes)).toBe("home");
    expect((await on.files.stat("~")).path).toBe(on.folder);
    expect((await on.files.stat(".")).path).toBe(on.folder);
  });

  test("a working directory that was removed and made anew is the new one [files.read]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "old");
    await on.files.read("a");
    renameSync(on.folder, `${on.folder}-old`);
    mkdirSync(on.folder);
    writeFileSync(on.at("a"), "new");
    expect(text((await on.files.read("a")).bytes)).toBe("new");
    rmSync(`${on.folder}-old`, { recursive: true });
  });

  test("a file of /proc, whose size is 0, is read to its end [files.kinds]", async () => {
    await using on = await openFiles(build);
    const { info, bytes } = await on.files.read("/proc/self/status");
    expect([info.size, text(bytes).startsWith("Name:\tagent-files")]).toEqual([0, true]);
    expect((await on.files.readLines("/proc/meminfo", { from: 1, to: 1, maxBytes: 100 })).totalLines).toBeGreaterThan(
      10,
    );
  });

  test("what is no file is refused at once, also where somebody waits at its other end [files.kinds, files.errors]", async () => {
    await using on = await openFiles(build);
    Bun.spawnSync(["mkfifo", on.at("fifo")]);
    const server = createServer().listen(on.at("socket"));
    const waiting = Bun.spawn(["sh", "-c", `echo x > ${on.at("fifo")}`]);
    const started = performance.now();
    expect(await failureOf(on.files.read(on.at("fifo")))).toMatch(/FILE_ERROR: .*is a FIFO .*shell_exec/);
    expect(await failureOf(on.files.read(on.at("socket")))).toMatch(/is a socket/);
    expect(await failureOf(on.files.read("/dev/zero"))).toMatch(/is a character device/);
    expect(await failureOf(on.files.readLines(on.folder, { from: 1, maxBytes: 1 }))).toMatch(/is a folder .*file_list/);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(waiting.exitCode).toBeNull();
    waiting.kill("SIGKILL");
    server.close();
  });

  test("links are followed; where they lead nowhere or in a circle is an error [files.links, files.errors]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "target");
    for (const [target, name] of [
      ["a", "link"],
      ["nowhere", "dangling"],
      ["circle", "circle"],
    ] as const)
      symlinkSync(target, on.at(name));
    expect(text((await on.files.read(on.at("link"))).bytes)).toBe("target");
    expect(await on.files.stat(on.at("link"), { isLinkItself: true })).toMatchObject({ kind: "link", target: "a" });
    expect((await on.files.stat(on.at("link"))).path).toBe(on.at("a"));
    expect(await failureOf(on.files.read(on.at("dangling")))).toMatch(/^FILE_NOT_FOUND/);
    expect(await failureOf(on.files.read(on.at("circle")))).toMatch(/^FILE_ERROR: .*ELOOP/);
  });

  test("names with newlines and the longest paths are read; longer ones are told from missing ones [files.names]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("two\nlines"), "newline");
    expect(text((await on.files.read(on.at("two\nlines"))).bytes)).toBe("newline");
    expect(await failureOf(on.files.read(on.at("no\nfile")))).toMatch(/FILE_NOT_FOUND: cannot read "[^\n]*no\\nfile"/);
    const longest = "./".repeat((4095 - on.at("two\nlines").length) / 2);
    const padded = `${on.folder}/${longest}two\nlines`;
    expect(text((await on.files.read(padded)).bytes)).toBe("newline");
    expect(await failureOf(on.files.read(`/${"x/".repeat(2_100)}`))).toMatch(/ENAMETOOLONG/);
    expect(await failureOf(on.files.read(on.at("x".repeat(256))))).toMatch(/ENAMETOOLONG/);
    expect(await failureOf(on.files.read(""))).toMatch(/missing or empty/);
    expect(await failureOf(on.files.read("a\0b"))).toMatch(/NUL/);
  });

  test("a stream gives all of a file, and one that is left early ends its worker [files.read, files.workers]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), Buffer.alloc(20_000_000, "abc"));
    const { info, pieces } = await on.files.readStream(on.at("a"));
    let size = 0;
    for await (const piece of pieces) size += piece.length;
    expect([info.size, size]).toEqual([20_000_000, 20_000_000]);
    const left = await on.files.readStream(on.at("a"));
    for await (const piece of left.pieces) if (piece.length > 0) break;
    expect(text((await on.files.read(on.at("a"), { length: 3 })).bytes)).toBe("abc");
    expect(on.opened).toBe(2);
  });

  test("a folder of 10,000 is listed with every name as it is [files.names]", async () => {
    await using on = await openFiles(build);
    mkdirSync(on.at("d"));
    for (let i = 0; i < 10_000; i++) writeFileSync(on.at(`d/${i}\n`), "");
    writeFileSync(Buffer.concat([Buffer.from(on.at("d/")), Buffer.of(0xff, 0xfe)]), "no text");
    const entries = await on.files.entries(on.at("d"));
    expect(entries.length).toBe(10_001);
    const odd = entries.find(({ name }) => name[0] === 0xff);
    const path = Buffer.concat([Buffer.from(on.at("d/")), odd?.name ?? Buffer.of()]);
    expect(text((await on.files.read(path)).bytes)).toBe("no text");
  });
});
