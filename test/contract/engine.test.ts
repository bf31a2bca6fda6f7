import { afterAll, describe, expect, test } from "bun:test";
import type { Engine } from "../../src/sandbox/engine.ts";
import { nameOf, newHandle } from "../../src/sandbox/handle.ts";
import { Sandbox } from "../../src/sandbox/sandbox.ts";
import { HostEngine } from "../support/host-engine.ts";
import { cleanUpAfterAll, run, spec, successorOf, testEngine, until } from "../support/sandboxes.ts";

const hostEngine = new HostEngine();
cleanUpAfterAll();
afterAll(() => hostEngine.close());
const name = () => nameOf(newHandle());

const ENGINES: [string, () => Promise<Engine>][] = [
  ["the engine on Podman", testEngine],
  ["the engine for tests", async () => hostEngine],
];

describe.each(ENGINES)("%s", (_, open) => {
  test("creates a sandbox that runs commands until it is removed [engine.contract]", async () => {
    const engine = await open();
    const sandbox = await Sandbox.create(engine, spec);
    expect(await run(sandbox, "echo hello; exit 3")).toMatchObject({ output: "hello\n", retval: 3, why: "exited" });
    await sandbox.remove();
    await sandbox.remove();
    expect((await engine.list()).map((info) => info.name)).not.toContain(sandbox.ref.name);
    expect(engine.connect(sandbox.ref, { onData() {}, onClose() {} })).rejects.toMatchObject({ code: "SANDBOX_GONE" });
  }, 60_000);

  test("lists its sandboxes with their keeper [engine.contract]", async () => {
    const engine = await open();
    const ref = await engine.create(spec, name());
    const info = (await engine.list()).find((one) => one.name === ref.name);
    expect(info).toMatchObject({ state: "running", image: spec.image, owner: { pid: process.pid, alive: true } });
    expect(await engine.whyGone(ref)).toBeUndefined();
    await engine.remove(ref);
    expect(await engine.whyGone(ref)).toMatchObject({ outOfMemory: false });
  }, 60_000);

  test("leaves to its successor what runs when it is gone, and nothing to a neighbour [engine.contract]", async () => {
    const { engine, neighbour, successor, end } = await successorOf(await open());
    const ref = await engine.create(spec, name());
    const others = async () => (await neighbour.orphans()).map((orphan) => orphan.name);
    expect(engine.isClaimed(ref)).toBe(true);
    expect(await others()).not.toContain(ref.name);
    end();
    expect(await others()).toContain(ref.name);
    await successor.claim(ref);
    expect([engine.isClaimed(ref), successor.isClaimed(ref)]).toEqual([false, true]);
    expect(await others()).not.toContain(ref.name);
    expect(await successor.sweep()).not.toContain(ref.name);
    await successor.remove(ref);
    expect(successor.claim(ref)).rejects.toMatchObject({ code: "SANDBOX_GONE" });
  }, 60_000);

  test("gives a running command the truth when its sandbox goes [engine.contract]", async () => {
    const engine = await open();
    const sandbox = await Sandbox.create(engine, spec);
    const running = run(sandbox, "echo begun; sleep 60");
    await Bun.sleep(300);
    await engine.remove(sandbox.ref);
    expect(await running).toMatchObject({ why: "sandbox_gone", retval: null, output: "begun\n" });
    await sandbox.remove();
  }, 60_000);

  test("passes the environment of the specification and lets the lease end it [engine.contract]", async () => {
    const engine = await open();
    const sandbox = await Sandbox.create(engine, { ...spec, env: { GREETING: "it's $HOME" } });
    expect((await run(sandbox, 'echo "$GREETING"')).output).toBe("it's $HOME\n");
    await sandbox.remove();
    const silent = await engine.create({ ...spec, leaseMs: 1000 }, name());
    await until("it ended by itself", async () => (await engine.whyGone(silent)) !== undefined, 15_000);
    await engine.remove(silent);
  }, 60_000);

  test("names an image that is not there [engine.contract]", async () => {
    const engine = await open();
    const creating = engine.create({ ...spec, image: "localhost/no-such:1" }, name());
    expect(creating).rejects.toMatchObject({ code: "IMAGE_MISSING" });
  }, 60_000);

  test("sweeps nothing of the living [engine.contract]", async () => {
    const engine = await open();
    const sandbox = await Sandbox.create(engine, spec);
    expect(await engine.sweep()).not.toContain(sandbox.ref.name);
    expect(await run(sandbox, "echo still here")).toMatchObject({ output: "still here\n" });
    await sandbox.remove();
  }, 60_000);
});
