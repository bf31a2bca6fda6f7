import { beforeAll, expect, test } from "bun:test";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { cleanUpAfterAll, isRootless, openSandbox, podman, run } from "../../support/sandboxes.ts";

cleanUpAfterAll();

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await openSandbox();
}, 60_000);

const stillWorks = async () => expect(await run(sandbox, "echo fine")).toMatchObject({ output: "fine\n", retval: 0 });

test("a time-out ends the whole tree and says how many [end.timeout]", async () => {
  const tree = "sleep 101 & (setsid sleep 102 &) ; setsid sh -c 'sleep 103 & exec sleep 104' & sleep 105";
  const outcome = await run(sandbox, `echo before; ${tree}`, { timeoutMs: 500 });
  expect(outcome).toMatchObject({ why: "timed_out", retval: 124, output: "before\n", survivors: 0 });
  expect(outcome.killed).toBeGreaterThanOrEqual(5);
  expect((await run(sandbox, "pgrep -c sleep")).output).toBe("0\n");
});

test("a command that ignores SIGTERM is killed all the same [end.timeout]", async () => {
  const outcome = await run(sandbox, "trap '' TERM INT HUP; while :; do sleep 1; done", { timeoutMs: 300 });
  expect(outcome).toMatchObject({ why: "timed_out", survivors: 0 });
  expect(outcome.durationMs).toBeLessThan(8_000);
});

test("a cancelled command ends with its whole tree, and others do not notice [end.cancel]", async () => {
  const stop = new AbortController();
  const other = run(sandbox, "sleep 1.5; echo unharmed");
  const cancelled = run(sandbox, "sleep 201 & setsid sleep 202 & sleep 203", {}, { signal: stop.signal });
  await Bun.sleep(300);
  stop.abort();
  expect(await cancelled).toMatchObject({ why: "cancelled", survivors: 0 });
  expect(await other).toMatchObject({ output: "unharmed\n", why: "exited" });
  expect((await run(sandbox, "pgrep -c sleep")).output).toBe("0\n");
}, 20_000);

test("a fork bomb ends at its time-out and the next call works [end.fork-bomb]", async () => {
  const bombed = isRootless ? await openSandbox() : sandbox;
  const bomb = "import os\nwhile True:\n try: os.fork()\n except OSError: pass";
  const limited = isRootless ? "for i in $(seq 200); do sleep 300 & done; wait" : `python3 -c '${bomb}'`;
  const outcome = await run(bombed, limited, { timeoutMs: 2000 });
  expect(outcome).toMatchObject({ why: "timed_out", survivors: 0 });
  expect(outcome.killed).toBeGreaterThan(50);
  expect(outcome.durationMs).toBeLessThan(15_000);
  expect(await run(bombed, "echo fine")).toMatchObject({ output: "fine\n", retval: 0 });
}, 60_000);

test("the agent cannot be killed from inside [end.kill-agent]", async () => {
  const outcome = await run(sandbox, "kill -9 1; kill -STOP 1; kill -TERM 1; kill -HUP 1; echo alive");
  expect(outcome).toMatchObject({ output: "alive\n", retval: 0, why: "exited" });
  await stillWorks();
});

test("a command that kills everything but itself is reported as it ended [end.kill-all]", async () => {
  const other = run(sandbox, "sleep 300");
  await Bun.sleep(200);
  expect(await run(sandbox, "kill -9 -1; echo survived; exit 4")).toMatchObject({ output: "survived\n", retval: 4 });
  expect(await other).toMatchObject({ why: "signalled", retval: 137, signal: "SIGKILL" });
  await stillWorks();
});

test.skipIf(isRootless)(
  "running out of memory is told as such [end.out-of-memory]",
  async () => {
    const outcome = await run(sandbox, "python3 -c 'x = bytearray(900_000_000); print(len(x))'");
    expect(outcome).toMatchObject({ why: "out_of_memory", retval: 137 });
    await stillWorks();
  },
  30_000,
);

test("a container removed from outside is told at once and truly [end.removed]", async () => {
  const doomed = await openSandbox();
  const running = run(doomed, "echo working; sleep 300");
  await Bun.sleep(500);
  const before = Date.now();
  await podman(["rm", "--force", "--time", "0", doomed.ref.name]);
  const outcome = await running;
  expect(outcome).toMatchObject({ why: "sandbox_gone", retval: null, output: "working\n" });
  expect(outcome.message).toContain("removed or killed from outside");
  expect(Date.now() - before).toBeLessThan(5_000);
  expect(doomed.gone).toContain("from outside");
  expect(run(doomed, "true")).rejects.toThrow(/gone/);
}, 30_000);

test("a container killed from outside is told as such [end.removed]", async () => {
  const doomed = await openSandbox();
  const running = run(doomed, "sleep 300");
  await Bun.sleep(300);
  await podman(["kill", doomed.ref.name]);
  expect(await running).toMatchObject({ why: "sandbox_gone", retval: null });
}, 30_000);
