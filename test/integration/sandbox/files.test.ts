/** Files of real sandboxes. */
import { beforeAll, expect, test } from "bun:test";
import { bytes, failureOf, text } from "../../support/files.ts";
import { cleanUpAfterAll, openSandbox, run, temporaryFolder } from "../../support/sandboxes.ts";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";

const MIB = 1024 * 1024;
let sandbox: Sandbox;

cleanUpAfterAll();
beforeAll(async () => {
  sandbox = await openSandbox({ network: "none" });
}, 60_000);

/** What a command prints, which has to succeed. */
async function shell(command: string): Promise<string> {
  const { output, retval } = await run(sandbox, command);
  expect([command, retval]).toEqual([command, 0]);
  return output.trimEnd();
}

test("what is written is there for commands and the other way round, relative to /workspace [files.write, files.read]", async () => {
  const { info } = await sandbox.files.write("sub/a.sh", bytes("#!/bin/sh\necho it runs\n"), {
    mode: 0o755,
    createFolders: true,
  });
  expect([info.path, info.uid, info.gid]).toEqual(["/workspace/sub/a.sh", 0, 0]);
  expect(await shell("sub/a.sh; umask; stat -c %a sub/a.sh sub")).toMatch(/^it runs\n0?022\n755\n755$/);
  await shell("printf %s made > ~/b");
  expect(text((await sandbox.files.read("~/b")).bytes)).toBe("made");
});

test("half a GiB goes in and out and this process stays as small as it was [files.stream]", async () => {
  const large = await openSandbox({ network: "none", memory: 1024 * MIB });
  const piece = new Uint8Array(MIB).map((_, i) => i % 251);
  async function* pieces() {
    for (let i = 0; i < 512; i++) yield piece;
  }
  await large.files.write("/tmp/warm", piece);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10);
  expect((await large.files.write("/tmp/large", pieces())).bytes).toBe(512 * MIB);
  let size = 0;
  for await (const part of (await large.files.readStream("/tmp/large")).pieces) size += part.length;
  clearInterval(watch);
  expect(size).toBe(512 * MIB);
  expect((most - before) / MIB).toBeLessThan(150);
  const { output } = await run(large, "sha256sum < /tmp/large");
  const hash = new Bun.CryptoHasher("sha256");
  for (let i = 0; i < 512; i++) hash.update(piece);
  expect(output).toStartWith(hash.digest("hex"));
}, 60_000);

test("a file that is mounted over is written in place [files.write]", async () => {
  const before = text((await sandbox.files.read("/etc/hosts")).bytes);
  const { info } = await sandbox.files.write("/etc/hosts", bytes(`${before}127.0.0.9 written\n`));
  expect([await shell("getent hosts written"), info.size]).toEqual([
    expect.stringContaining("127.0.0.9"),
    before.length + 18,
  ]);
  expect(await shell("ls -A /etc | grep -c podexec || true")).toBe("0");
});

test("a folder of the image's own layer moves [files.move]", async () => {
  await sandbox.files.move("/usr/share/zoneinfo", "/workspace/moved/zones", { createFolders: true });
  expect(await shell("ls /workspace/moved/zones | grep -c UTC; test -e /usr/share/zoneinfo || echo gone")).toMatch(
    /^[1-9]\d*\ngone$/,
  );
});

test("the workspace cannot be deleted, what is in it can [files.delete]", async () => {
  const path = temporaryFolder();
  const mounted = await openSandbox({ network: "none", workspace: { path, readOnly: false } });
  await mounted.files.write("a/b", bytes("x"), { createFolders: true });
  expect(await failureOf(mounted.files.delete("/workspace", { recursive: true }))).toMatch(/EBUSY/);
  const elsewhere = await run(mounted, "mv /workspace/a /workspace/b && ls /workspace");
  expect(elsewhere.output).toBe("b\n");
  expect(await failureOf(mounted.files.delete("/", { recursive: true }))).toMatch(/EBUSY/);
  expect(await mounted.files.delete("/workspace/b", { recursive: true })).toBe(2);
});

test("a place that is read-only is an error that says so [files.errors]", async () => {
  const path = temporaryFolder();
  const readOnly = await openSandbox({ network: "none", workspace: { path, readOnly: true } });
  expect(await failureOf(readOnly.files.write("a", bytes("x")))).toMatch(/FILE_ERROR: .*EROFS.*read-only/);
  expect(await failureOf(readOnly.files.write("/proc/sys/kernel/hostname", bytes("x")))).toMatch(/FILE_ERROR: .*EROFS/);
});

test("commands that kill all they can reach end no file request for good [files.workers]", async () => {
  await sandbox.files.write("kept", bytes("kept"));
  await run(sandbox, "kill -9 -1");
  expect(text((await sandbox.files.read("kept")).bytes)).toBe("kept");
  await run(sandbox, "pkill -STOP agent-files; true");
  expect(text((await sandbox.files.read("kept")).bytes)).toBe("kept");
});

test("the worker has the rights of a command and no more [files.kinds]", async () => {
  const rights = (status: string) => /CapEff:\s+(\S+)[^]*NoNewPrivs:\s+1[^]*Seccomp:\s+2/.exec(status)?.[1];
  const own = rights(text((await sandbox.files.read("/proc/self/status")).bytes));
  expect(own).toBe(rights(await shell("cat /proc/self/status")));
  expect(own).toMatch(/^[0-9a-f]{16}$/);
});

test("a file of /proc that has room for none beside it is written in place [files.kinds, files.write]", async () => {
  await sandbox.files.write("/proc/self/comm", bytes("renamed"));
  expect(text((await sandbox.files.read("/proc/self/comm")).bytes)).toBe("renamed\n");
});

test("what is mounted, the root and where commands start cannot be deleted [files.delete, files.errors]", async () => {
  for (const path of ["/proc", "/proc/../proc", "/", "/dev/shm", "/workspace", "."])
    expect(await failureOf(sandbox.files.delete(path, { recursive: true }))).toMatch(/EBUSY/);
  expect(await shell("ls -d /proc/self /dev/shm /bin/sh /workspace")).toBe("/bin/sh\n/dev/shm\n/proc/self\n/workspace");
});
