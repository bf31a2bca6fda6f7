import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { LocalFolder } from "../../src/commands/cp-folder.ts";
import { bytes, failureOf } from "../support/files.ts";
import { cleanUpAfterAll, temporaryFolder } from "../support/sandboxes.ts";

cleanUpAfterAll();

async function* pieces() {
  yield bytes("new");
}
const read = async () => pieces();

test.skipIf(process.platform !== "linux")(
  "a folder that becomes a link while it is written to is not left through it [cp.hostile]",
  async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "outside"));
    mkdirSync(join(root, "target"));
    await using target = await LocalFolder.open(join(root, "target"));
    const { folder } = await target.folder(bytes("sub"));
    await using sub = folder;
    renameSync(join(root, "target/sub"), join(root, "moved"));
    symlinkSync("../outside", join(root, "target/sub"));
    await sub.write(bytes("file"), read, 0o600);
    expect(await failureOf(target.folder(bytes("sub")))).toMatch(/no folder, and is not followed/);
    expect([readdirSync(join(root, "outside")), readFileSync(join(root, "moved/file"), "utf8")]).toEqual([[], "new"]);
  },
);

test.skipIf(process.platform !== "linux")(
  "a folder is read as it was found, and what became a link or a FIFO is not read [cp.hostile]",
  async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "source/sub"), { recursive: true });
    for (const name of ["file", "source/file", "source/sub/file"]) writeFileSync(join(root, name), name);
    await using source = await LocalFolder.open(join(root, "source"));
    await using sub = await source.enter(bytes("sub"));
    renameSync(join(root, "source/sub"), join(root, "moved"));
    symlinkSync("..", join(root, "source/sub"));
    const { file } = await sub.read(bytes("file"));
    expect([await sub.names(), await file.readFile("utf8")]).toEqual([[Buffer.from("file")], "source/sub/file"]);
    await file.close();
    rmSync(join(root, "source/file"));
    symlinkSync("../file", join(root, "source/file"));
    Bun.spawnSync(["mkfifo", join(root, "source/fifo")]);
    const codeOf = (act: Promise<unknown>) => act.catch((error: { code?: string }) => error.code);
    expect(await codeOf(source.read(bytes("file")))).toBe("ELOOP");
    expect(await failureOf(source.read(bytes("fifo")))).toMatch(/no file any more/);
    expect(await codeOf(source.enter(bytes("sub")))).toBe("ENOTDIR");
    expect((await source.stat(bytes("file"))).isSymbolicLink()).toBe(true);
    expect(await source.target(bytes("file"))).toEqual(Buffer.from("../file"));
  },
);

test.each(["", ".", "..", "a/b", "a\0b"])("nothing is written under the name %j [cp.hostile]", async (name) => {
  const root = temporaryFolder();
  await using folder = await LocalFolder.open(root);
  expect(await failureOf(folder.write(bytes(name), read, 0o600))).toMatch(/is no name for a file/);
  expect(await failureOf(folder.link(bytes(name), bytes("x")))).toMatch(/is no name for a file/);
  expect(await failureOf(folder.folder(bytes(name)))).toMatch(/is no name for a file/);
  expect(readdirSync(root)).toEqual([]);
});

test("what fails half way leaves the old file [cp.both]", async () => {
  const root = temporaryFolder();
  writeFileSync(join(root, "a"), "old");
  await using folder = await LocalFolder.open(root);
  async function* failing() {
    yield bytes("half");
    throw new Error("the sandbox went away");
  }
  const failed = folder.write(bytes("a"), async () => failing(), 0o600).catch((error: unknown) => String(error));
  expect(await failed).toBe("Error: the sandbox went away");
  expect([readdirSync(root), readFileSync(join(root, "a"), "utf8")]).toEqual([["a"], "old"]);
});
