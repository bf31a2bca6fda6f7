import { expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Pool } from "../../../src/sandbox/owners/pool.ts";
import { nameOf, newHandle } from "../../../src/sandbox/handle.ts";
import { Notes } from "../../../src/sandbox/note.ts";
import { Registry } from "../../../src/sandbox/owners/registry.ts";
import { Sandbox } from "../../../src/sandbox/sandbox.ts";
import type { Engine } from "../../../src/sandbox/engine.ts";
import type { KeeperOptions } from "../../../src/sandbox/owners/keeper.ts";
import {
  cleanUpAfterAll,
  isRootless,
  containerExists,
  openSandbox,
  podman,
  quiet,
  run,
  sandboxFolderExists,
  spec,
  successorOf,
  testEngine,
  until,
} from "../../support/sandboxes.ts";

cleanUpAfterAll();

const notes = new Notes(new Uint8Array(32).fill(7));

function registryOn(engine: Engine, changes: Partial<KeeperOptions> = {}): Registry {
  const make = () => Sandbox.create(engine, spec);
  const lives = { idleMs: 60_000, lingerMs: 60_000, lifetimeMs: 3_600_000 };
  const options = { engine, notes, take: make, make, limit: 9, limitPerPrincipal: 9, ...lives, log: quiet };
  return new Registry({ ...options, ...changes });
}

test("removing a sandbox leaves neither container nor folder [life.removed]", async () => {
  const sandbox = await openSandbox();
  expect(await containerExists(sandbox.ref.name)).toBe(true);
  await sandbox.remove();
  expect(await containerExists(sandbox.ref.name)).toBe(false);
  expect(sandboxFolderExists(sandbox.ref.name)).toBe(false);
}, 30_000);

test("a sandbox whose server falls silent ends by itself when its lease is over [life.lease]", async () => {
  const engine = await testEngine();
  const ref = await engine.create({ ...spec, leaseMs: 1500 }, nameOf(newHandle()));
  try {
    expect(await containerExists(ref.name)).toBe(true);
    await until("the container is gone", async () => !(await containerExists(ref.name)), 15_000);
  } finally {
    await engine.remove(ref);
  }
}, 40_000);

test("a sandbox lives on while its server gives signs of life [life.lease]", async () => {
  const sandbox = await openSandbox({ leaseMs: 1000 });
  await Bun.sleep(3500);
  expect(await run(sandbox, "echo here")).toMatchObject({ output: "here\n" });
}, 30_000);

test("a server that comes after a killed one finds its sandboxes, running commands and all [own.restart]", async () => {
  const { engine, successor, end } = await successorOf(await testEngine());
  const before = registryOn(engine);
  const { sandbox } = await before.acquire({ principal: "ann", session: "a" });
  const command = await sandbox.commands.start({ command: "echo mine > /file; sleep 60", outputLimit: 1024 });
  const unowned = await engine.create(spec, nameOf(newHandle()));
  before.leave();
  end();
  const after = registryOn(successor);
  expect(await after.takeOver()).toBe(1);
  const found = await after.byCommand({ principal: "ann", session: "b" }, command.name);
  expect(found.handle).toBe(sandbox.handle);
  expect(await run(found, "cat /file")).toMatchObject({ output: "mine\n" });
  await until("what nobody owns is removed", async () => !(await containerExists(unowned.name)));
  await after.close();
  expect(await containerExists(sandbox.ref.name)).toBe(false);
}, 60_000);

test("a sweep removes what a dead server left and does not run, and nothing that runs [life.sweep]", async () => {
  const { engine, neighbour, end, folder } = await successorOf(await testEngine());
  const frozen = await engine.create(spec, nameOf(newHandle()));
  const running = await engine.create(spec, nameOf(newHandle()));
  // Rootless Podman freezes nothing on a host with cgroups v1; of what was killed a folder is left.
  await podman(isRootless ? ["kill", frozen.name] : ["pause", frozen.name]);
  if (isRootless) await until("it has ended", async () => !(await containerExists(frozen.name)));
  expect(existsSync(join(folder, "sandboxes", frozen.name))).toBe(true);
  end();
  expect(await neighbour.sweep()).toEqual(isRootless ? [] : expect.arrayContaining([frozen.name]));
  expect(await containerExists(frozen.name)).toBe(false);
  expect(existsSync(join(folder, "sandboxes", frozen.name))).toBe(false);
  expect(await neighbour.whyGone(running)).toBeUndefined();
  // As where the server was killed before it had taken the socket out of the sandbox.
  rmSync(join(folder, "sandboxes", running.name, "s"));
  expect(await neighbour.sweep()).toEqual([running.name]);
}, 60_000);

test("the pool hands every sandbox out once and refills itself [pool.once]", async () => {
  const engine = await testEngine();
  const pool = new Pool({ size: 2, create: (signal) => Sandbox.create(engine, spec, signal), log: quiet });
  pool.fill();
  const taken = await Promise.all([pool.take(), pool.take(), pool.take()]);
  expect(new Set(taken.map((sandbox) => sandbox.ref.name)).size).toBe(3);
  await until("the pool is full again", () => pool.ready === 2, 20_000);
  await pool.close();
  await Promise.all(taken.map((sandbox) => sandbox.remove()));
  expect((await engine.list()).filter((info) => taken.some((sandbox) => sandbox.ref.name === info.name))).toEqual([]);
}, 60_000);

test("each session has a sandbox of its own, found again by session and by handle [own.session, own.handle]", async () => {
  const registry = registryOn(await testEngine(), { limit: 2 });
  const ann = { principal: "ann", session: "a" };
  const bob = { principal: "bob", session: "b" };
  const [first, again] = await Promise.all([registry.acquire(ann), registry.acquire(ann)]);
  expect(again.sandbox).toBe(first.sandbox);
  expect(first.sandbox.handle).toMatch(/^sbx_[0-9a-f]{32}$/);
  const { sandbox: second } = await registry.acquire(bob);
  expect(second.ref.name).not.toBe(first.sandbox.ref.name);
  expect((await registry.acquire({ ...ann, session: "other" }, first.sandbox.handle)).sandbox).toBe(first.sandbox);
  expect(registry.acquire(bob, first.sandbox.handle)).rejects.toMatchObject({ code: "SANDBOX_UNKNOWN" });
  expect(registry.acquire({ principal: "cyd", session: "c" })).rejects.toThrow(/all 2 sandboxes/);
  await registry.close();
  expect(await containerExists(first.sandbox.ref.name)).toBe(false);
}, 60_000);

test("an idle sandbox is removed, a busy one is not [life.idle]", async () => {
  const registry = registryOn(await testEngine(), { idleMs: 1000 });
  const idle = await registry.acquire({ principal: "p", session: "idle" });
  const busy = await registry.acquire({ principal: "p", session: "busy" });
  const running = run(busy.sandbox, "sleep 4; echo done");
  await until("the idle one is gone", async () => !(await containerExists(idle.sandbox.ref.name)));
  expect(await running).toMatchObject({ output: "done\n", why: "exited" });
  expect((await registry.acquire({ principal: "p", session: "idle" })).note).toMatch(/new sandbox.*idle for too long/);
  await registry.close();
}, 60_000);

test("a sandbox that is gone is replaced by a new one that says so [own.replaced]", async () => {
  const engine = await testEngine();
  const registry = registryOn(engine);
  const caller = { principal: "p", session: "s" };
  const { sandbox } = await registry.acquire(caller);
  await engine.remove(sandbox.ref);
  await until("the loss is noticed", () => sandbox.gone !== undefined);
  const next = await registry.acquire(caller);
  expect(next.note).toMatch(/new sandbox.*gone \(.*from outside/);
  expect(await run(next.sandbox, "echo new")).toMatchObject({ output: "new\n" });
  await registry.close();
}, 60_000);
