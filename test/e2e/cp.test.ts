/** `podexec cp` of the executable, in and out of a sandbox that somebody else keeps. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "bun:test";
import { executable } from "../support/executable.ts";
import { text } from "../support/files.ts";
import { run as runProgram, type RunOptions } from "../support/run.ts";
import { cleanUpAfterAll, openSandbox, run, temporaryFolder, testData } from "../support/sandboxes.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";

let sandbox: Sandbox;

cleanUpAfterAll();
beforeAll(async () => {
  sandbox = await openSandbox({ network: "none" });
}, 60_000);

const cp = (from: string, to: string, options: RunOptions = {}) =>
  runProgram([executable(), "cp", from, to, "--data-dir", testData], options);
const inside = (path: string) => `${sandbox.handle}:${path}`;

/** A shell around podexec, for its standard streams. */
const pipe = (line: string, options: RunOptions = {}) =>
  runProgram(["sh", "-c", line, "sh", executable(), testData, sandbox.handle], options);

async function shell(command: string): Promise<string> {
  const { output, retval } = await run(sandbox, command);
  expect([command, retval]).toEqual([command, 0]);
  return output;
}

test("a file goes in and comes back with its mode, owned by whoever gets it [cp.both]", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "a b.sh"), "#!/bin/sh\necho hi\n");
  chmodSync(join(folder, "a b.sh"), 0o751);
  expect(await cp(join(folder, "a b.sh"), inside("new/"))).toEqual({ stdout: "", stderr: "" });
  expect(await shell("new/'a b.sh'; stat -c '%a %u' new/*")).toBe("hi\n751 0\n");
  await cp(inside("new/a b.sh"), join(folder, "back"));
  const { mode, uid } = statSync(join(folder, "back"));
  expect([readFileSync(join(folder, "back"), "utf8"), mode & 0o7777, uid]).toEqual([
    "#!/bin/sh\necho hi\n",
    0o751,
    process.getuid?.() ?? 0,
  ]);
});

test("a folder goes in and comes back whole, by the container's name too [cp.both]", async () => {
  const folder = temporaryFolder();
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "sub/empty"), { recursive: true });
  writeFileSync(join(tree, "sub/new\nline"), "odd");
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.of(0xff)]), "no UTF-8");
  symlinkSync("sub/new\nline", join(tree, "link"));
  chmodSync(join(tree, "sub/empty"), 0o500);
  await cp(tree, inside("/srv"));
  await cp(`${sandbox.ref.name}:/srv/tree`, join(folder, "back"));
  const compared = Bun.spawnSync(["diff", "-r", tree, join(folder, "back")]);
  expect(compared.stdout.toString() + compared.stderr.toString()).toBe("");
  expect(readlinkSync(join(folder, "back/link"))).toBe("sub/new\nline");
  expect(statSync(join(folder, "back/sub/empty")).mode & 0o7777).toBe(0o500);
  await cp(inside("/srv/tree/."), join(folder, "back"));
  expect(readdirSync(join(folder, "back")).length).toBe(3);
});

test("- is standard input and output [cp.streams]", async () => {
  const made = await pipe(
    'head -c 30000000 /dev/zero | tr "\\0" x | "$1" cp --data-dir "$2" - "$3:/tmp/x" && "$1" cp --data-dir "$2" "$3:/tmp/x" - | wc -c',
  );
  expect(made).toEqual({ stdout: "30000000\n", stderr: "" });
  expect(text((await sandbox.files.read("/tmp/x", { length: 3 })).bytes)).toBe("xxx");
  expect((await pipe('echo x | "$1" cp --data-dir "$2" - "$3:/tmp"', { status: 2 })).stderr).toMatch(/is a folder/);
  expect((await pipe('"$1" cp --data-dir "$2" "$3:/tmp/x" - | head -c 1')).stdout).toBe("x");
});

test("what cannot be copied is named, and the status tells the kind [cp.errors]", async () => {
  const folder = temporaryFolder();
  await shell("mkdir -p /tmp/odd; mkfifo /tmp/odd/fifo; ln -sf /etc/passwd /tmp/odd/abs; echo x > /tmp/odd/file");
  const { stderr } = await cp(inside("/tmp/odd"), folder, { status: 1 });
  expect(stderr).toMatch(/left out \S*fifo: it is a fifo/);
  expect(stderr).toMatch(/left out \S*abs: the link leads out .*\/etc\/passwd/);
  expect(readdirSync(join(folder, "odd"))).toEqual(["file"]);
  expect((await cp(inside("/none"), folder, { status: 4 })).stderr).toMatch(/\/none: there is no such file/);
  expect((await cp(join(folder, "none"), inside("/tmp"), { status: 4 })).stderr).toMatch(/none on this host/);
  expect((await cp(inside("/dev/zero"), folder, { status: 1 })).stderr).toMatch(/character device/);
  expect((await cp("/tmp", "/tmp", { status: 2 })).stderr).toMatch(/neither path is in a sandbox/);
  expect((await cp(`sbx_${"0".repeat(32)}:/x`, folder, { status: 4 })).stderr).toMatch(/no sandbox of podexec/);
});

test("links in the local target are replaced and never followed, nor are those of the sandbox [cp.hostile]", async () => {
  const folder = temporaryFolder();
  const target = join(folder, "target");
  mkdirSync(join(folder, "outside"));
  mkdirSync(join(target, "tree"), { recursive: true });
  writeFileSync(join(folder, "outside/file"), "untouched");
  symlinkSync(join(folder, "outside/file"), join(target, "tree/file"));
  await shell(
    "mkdir -p /tmp/h/tree/sub; echo new > /tmp/h/tree/file; echo x > /tmp/h/tree/sub/x; chmod 6777 /tmp/h/tree/file",
  );
  await cp(inside("/tmp/h/tree"), target);
  expect([lstatSync(join(target, "tree/file")).isFile(), readFileSync(join(folder, "outside/file"), "utf8")]).toEqual([
    true,
    "untouched",
  ]);
  expect(statSync(join(target, "tree/file")).mode & 0o7777).toBe(0o777);
  symlinkSync(join(folder, "outside"), join(target, "link"));
  await shell("mkdir -p /tmp/h2/link; echo evil > /tmp/h2/link/file");
  expect((await cp(inside("/tmp/h2/."), target, { status: 1 })).stderr).toMatch(/no folder, and is not followed/);
  await shell(
    "mkdir -p /tmp/h3; ln -s ../../outside /tmp/h3/up; ln -s . /tmp/h3/dot; ln -s dot/../../outside /tmp/h3/sly",
  );
  expect((await cp(inside("/tmp/h3"), target, { status: 1 })).stderr).toMatch(
    /left out \S*up:[^]*left out \S*sly:|left out \S*sly:[^]*left out \S*up:/,
  );
  expect(readdirSync(join(target, "h3"))).toEqual(["dot"]);
  expect(readFileSync(join(folder, "outside/file"), "utf8")).toBe("untouched");
});
