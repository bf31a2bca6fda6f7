import { expect, test } from "bun:test";
import { cleanUpAfterAll, containerExists, openSandbox, podman, run } from "../../support/sandboxes.ts";

cleanUpAfterAll();

test("a sandbox that is frozen from outside is given up in bounded time, and removed [end.removed]", async () => {
  const frozen = await openSandbox();
  const running = run(frozen, "sleep 60", { timeoutMs: 500 });
  await Bun.sleep(200);
  await podman(["pause", frozen.ref.name]);
  const problem = await running.catch((error: unknown) => error);
  expect(problem).toMatchObject({ code: "AGENT_PROTOCOL" });
  expect(await containerExists(frozen.ref.name)).toBe(false);
}, 60_000);
