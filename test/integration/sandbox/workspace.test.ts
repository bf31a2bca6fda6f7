import { expect, test } from "bun:test";
import { chownSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { realFolder, requireMounted } from "../../../src/sandbox/owners/host-folder.ts";
import { cleanUpAfterAll, isRootless, openSandbox, run, temporaryFolder } from "../../support/sandboxes.ts";

cleanUpAfterAll();

test("a workspace is mounted at /workspace, readable and writable from both sides [workspace.mounted]", async () => {
  const path = temporaryFolder();
  writeFileSync(join(path, "from-host"), "hello");
  const sandbox = await openSandbox({ workspace: { path, readOnly: false } });
  const outcome = await run(sandbox, "pwd; cat from-host; mkdir -p made; echo 'from inside' > made/file");
  expect(outcome).toMatchObject({ output: "/workspace\nhello", retval: 0 });
  expect(readFileSync(join(path, "made/file"), "utf8")).toBe("from inside\n");
}, 30_000);

test("files made in a workspace belong to the workspace's owner on the host [workspace.owner]", async () => {
  const path = temporaryFolder();
  const owner = isRootless ? (process.getuid?.() ?? 0) : 12_345;
  if (!isRootless) chownSync(path, owner, owner);
  writeFileSync(join(path, "old"), "");
  if (!isRootless) chownSync(join(path, "old"), owner, owner);
  const sandbox = await openSandbox({ workspace: { path, readOnly: false } });
  const outcome = await run(sandbox, "touch new; mkdir sub; touch sub/deep; echo changed > old; stat -c %u new old .");
  expect(outcome.output).toBe("0\n0\n0\n");
  for (const name of ["new", "sub", "sub/deep", "old"])
    expect([name, statSync(join(path, name)).uid]).toEqual([name, owner]);
}, 30_000);

test("nothing in a sandbox can leave a file of another user of the host [workspace.owner]", async () => {
  const path = temporaryFolder();
  if (!isRootless) chownSync(path, 12_345, 12_345);
  const sandbox = await openSandbox({ workspace: { path, readOnly: false } });
  const outcome = await run(sandbox, "touch f && chown 1001:33 f && chmod 6755 f && stat -c %u:%g f");
  expect(outcome.output).toBe("1001:33\n");
  // Subordinate ids, or ids that are nobody's: above all that a host gives to people and services.
  expect(statSync(join(path, "f")).uid).toBeGreaterThan(65_535);
  expect(statSync(join(path, "f")).gid).toBeGreaterThan(65_535);
}, 30_000);

test("a folder that took a checked workspace's place meanwhile is not worked in [workspace.swapped]", async () => {
  const root = temporaryFolder();
  for (const name of ["asked", "outside"]) mkdirSync(join(root, name));
  if (!isRootless) chownSync(join(root, "asked"), 12_345, 12_345);
  const path = join(root, "asked");
  const checked = realFolder(path);
  if (!checked) throw new Error("no folder");
  const good = await openSandbox({ workspace: { path, readOnly: false } });
  await requireMounted(good, checked.identity);
  renameSync(path, join(root, "moved"));
  symlinkSync("outside", path);
  const escaped = await openSandbox({ workspace: { path, readOnly: false } });
  const refusal = await requireMounted(escaped, checked.identity).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "REFUSED", message: expect.stringContaining("was replaced") });
  expect([good.gone, escaped.gone]).toEqual([undefined, expect.any(String)]);
}, 30_000);

test("a read-only workspace cannot be changed [workspace.read-only]", async () => {
  const path = temporaryFolder();
  const sandbox = await openSandbox({ workspace: { path, readOnly: true } });
  const outcome = await run(sandbox, "touch /workspace/x");
  expect(outcome.retval).not.toBe(0);
  expect(outcome.output).toContain("Read-only file system");
}, 30_000);

test.each(["with space", 'quote"and,comma', "--privileged", "ümlaut:colon", "$(touch x)"])(
  "a workspace named %p is taken as it is [workspace.name]",
  async (name) => {
    const path = join(temporaryFolder(), name);
    mkdirSync(path);
    const sandbox = await openSandbox({ workspace: { path, readOnly: false } });
    expect(await run(sandbox, "echo kept > file")).toMatchObject({ retval: 0 });
    expect(readFileSync(join(path, "file"), "utf8")).toBe("kept\n");
  },
  30_000,
);
