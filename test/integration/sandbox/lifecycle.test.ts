import { expect, test } from "bun:test";
import { Pool } from "../../../src/sandbox/pool.ts";
import { Registry } from "../../../src/sandbox/registry.ts";
import { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { openEngine } from "../../../src/commands/host.ts";
import { thisOwner } from "../../../src/podman/labels.ts";
import {
  cleanUpAfterAll,
  containerExists,
  openSandbox,
  quiet,
  run,
  sandboxFolderExists,
  spec,
  testData,
  testEngine,
  testHost,
  until,
} from "../../support/sandboxes.ts";

cleanUpAfterAll();

test("removing a sandbox leaves neither container nor folder [life.removed]", async () => {
  const sandbox = await openSandbox();
  expect(await containerExists(sandbox.ref.name)).toBe(true);
  await sandbox.remove();
  expect(await containerExists(sandbox.ref.name)).toBe(false);
  expect(sandboxFolderExists(sandbox.ref.name)).toBe(false);
}, 30_000);

test("a sandbox whose server falls silent ends by itself when its lease is over [life.lease]", async () => {
  const engine = await testEngine();
  const ref = await engine.create({ ...spec, leaseMs: 1500 });
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

test("a sweep removes what dead servers left and nothing of the living [life.sweep]", async () => {
  const host = await testHost();
  const dead = { ...thisOwner("dead"), pid: "4194000/1" };
  const left = await openEngine(host, { dataFolder: testData, log: quiet }, dead).create(spec);
  const alive = await openSandbox();
  expect(await (await testEngine()).sweep()).toEqual([left.name]);
  expect(await containerExists(left.name)).toBe(false);
  expect(sandboxFolderExists(left.name)).toBe(false);
  expect(await run(alive, "echo unharmed")).toMatchObject({ output: "unharmed\n" });
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
  const engine = await testEngine();
  const registry = new Registry({ take: () => Sandbox.create(engine, spec), limit: 2, idleMs: 60_000, log: quiet });
  const ann = { principal: "ann", session: "a" };
  const [first, again] = await Promise.all([registry.acquire(ann), registry.acquire(ann)]);
  expect(again.sandbox).toBe(first.sandbox);
  expect(first.sandbox.handle).toMatch(/^sbx_[0-9a-f]{32}$/);
  expect((await registry.acquire({ principal: "ann", session: "other" }, first.sandbox.handle)).sandbox).toBe(
    first.sandbox,
  );
  const { sandbox: second } = await registry.acquire({ principal: "bob", session: "b" });
  expect(second.ref.name).not.toBe(first.sandbox.ref.name);
  const stranger = registry.acquire({ principal: "bob", session: "b" }, first.sandbox.handle);
  const nobody = registry.acquire({ principal: "bob", session: "b" }, `sbx_${"0".repeat(32)}`);
  const problems = await Promise.allSettled([stranger, nobody]);
  expect(problems.map((result) => (result as PromiseRejectedResult).reason.code)).toEqual([
    "SANDBOX_UNKNOWN",
    "SANDBOX_UNKNOWN",
  ]);
  expect(registry.acquire({ principal: "cyd", session: "c" })).rejects.toThrow(/all 2 sandboxes/);
  await registry.close();
  expect(await containerExists(first.sandbox.ref.name)).toBe(false);
}, 60_000);

test("an idle sandbox is removed, a busy one is not [life.idle]", async () => {
  const engine = await testEngine();
  const registry = new Registry({ take: () => Sandbox.create(engine, spec), limit: 9, idleMs: 1000, log: quiet });
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
  const registry = new Registry({ take: () => Sandbox.create(engine, spec), limit: 9, idleMs: 60_000, log: quiet });
  const caller = { principal: "p", session: "s" };
  const { sandbox } = await registry.acquire(caller);
  await engine.remove(sandbox.ref);
  await until("the loss is noticed", () => sandbox.gone !== undefined);
  const next = await registry.acquire(caller);
  expect(next.note).toMatch(/new sandbox.*gone \(.*from outside/);
  expect(await run(next.sandbox, "echo new")).toMatchObject({ output: "new\n" });
  await registry.close();
}, 60_000);
