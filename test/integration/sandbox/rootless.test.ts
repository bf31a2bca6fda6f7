import { expect, test } from "bun:test";
import { readFacts } from "../../../src/podman/host.ts";
import { cleanUpAfterAll, isRootless, openSandbox, run, testHost } from "../../support/sandboxes.ts";

cleanUpAfterAll();

test("the suite runs on the Podman of the user that runs it, rootless where that is not root [host.rootless]", async () => {
  const { podman } = await testHost();
  expect((await readFacts(podman)).info.host.security.rootless).toBe(isRootless);
  expect(process.env["PODEXEC_TEST_ROOTLESS"] === "1").toBe(isRootless);
});

test("root in a sandbox is that user on the host, and the others are its subordinates [host.rootless]", async () => {
  const sandbox = await openSandbox();
  const [inside, outside] = (await run(sandbox, "cat /proc/self/uid_map")).output.trim().split(/\s+/);
  expect([inside, outside]).toEqual(["0", String(process.getuid?.() ?? 0)]);
}, 60_000);
