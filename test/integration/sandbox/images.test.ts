import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUpAfterAll, openSandbox, podman, run, temporaryFolder } from "../../support/sandboxes.ts";

cleanUpAfterAll();

const image = `localhost/podexec-test-busybox:${process.pid}`;

beforeAll(async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "bin"));
  copyFileSync("/bin/busybox", join(folder, "bin/busybox"));
  for (const name of ["sh", "echo", "cat", "ls", "sleep", "touch"]) symlinkSync("busybox", join(folder, "bin", name));
  writeFileSync(join(folder, "Containerfile"), "FROM scratch\nLABEL podexec.test=1\nCOPY bin /bin\nUSER 1000\n");
  await podman(["build", "--quiet", "--layers=false", "--tag", image, folder]);
}, 60_000);
afterAll(async () => void (await podman(["rmi", "--force", image])));

test("an image with nothing but a busybox shell is enough for a sandbox [agent.any-image]", async () => {
  const sandbox = await openSandbox({ image });
  expect(await run(sandbox, "echo $0; ls /; exit 3")).toMatchObject({ retval: 3, why: "exited" });
  const left = await run(sandbox, "sleep 100 & echo left");
  expect(left).toMatchObject({ output: "left\n", leftCount: 1 });
  expect(await run(sandbox, "sleep 100", { timeoutMs: 200 })).toMatchObject({ why: "timed_out", survivors: 0 });
}, 60_000);

test("an image that is not there is named, with the command that makes it [start.image-missing]", async () => {
  const problem = await openSandbox({ image: "localhost/no-such-image:1" }).catch((error: unknown) => error);
  expect(problem).toMatchObject({
    code: "IMAGE_MISSING",
    message: expect.stringContaining("localhost/no-such-image:1"),
  });
}, 30_000);

test("an image name cannot become a flag [podman.no-flags]", async () => {
  const problem = await openSandbox({ image: "--privileged" }).catch((error: unknown) => error);
  expect(problem).toMatchObject({ code: "IMAGE_MISSING" });
}, 30_000);
