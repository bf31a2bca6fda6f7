/** Who reaches which sandbox, and who is told what. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Channel } from "../../src/sandbox/agent/channel.ts";
import { newHandle } from "../../src/sandbox/handle.ts";
import { ANN, BOB, codesOf, dataFolder } from "../support/registries.ts";
import { run, until } from "../support/sandboxes.ts";

let folder: ReturnType<typeof dataFolder>;
beforeEach(() => {
  folder = dataFolder();
});
afterEach(() => folder.close());

const MODERN = { principal: "ann", session: undefined };

test("two first calls of a session share one sandbox, and its handle finds it from anywhere [own.session, own.handle]", async () => {
  const { registry } = folder.open();
  const [first, again] = await Promise.all([registry.acquire(ANN), registry.acquire(ANN)]);
  expect(again.sandbox).toBe(first.sandbox);
  const { handle } = first.sandbox;
  expect((await registry.acquire({ ...ANN, session: "other" }, handle)).sandbox).toBe(first.sandbox);
  expect((await registry.acquire(MODERN, handle)).sandbox).toBe(first.sandbox);
});

test("somebody else's handle is as unknown as none, whatever is asked [own.foreign, own.command]", async () => {
  const { registry } = folder.open();
  const { sandbox } = await registry.acquire(ANN);
  const command = await sandbox.commands.start({ command: "sleep 60", outputLimit: 1024 });
  expect(await registry.byCommand({ ...ANN, session: "other" }, command.name)).toBe(sandbox);
  const tries = [sandbox.handle, newHandle(), "../..", "", "sbx_"].flatMap((handle) => [
    registry.acquire(BOB, handle),
    registry.info(BOB, handle),
    registry.remove(BOB, handle),
  ]);
  expect(new Set(await codesOf(...tries))).toEqual(new Set(["SANDBOX_UNKNOWN"]));
  expect(await codesOf(registry.byCommand(BOB, command.name))).toEqual(["COMMAND_UNKNOWN"]);
  expect(registry.list(BOB)).toEqual([]);
  expect(sandbox.gone).toBeUndefined();
});

test("a caller without a session gets a new sandbox each time, and is told how to come back [own.told]", async () => {
  const { registry } = folder.open({ idleMs: 1_800_000 });
  const [one, two] = [await registry.acquire(MODERN), await registry.acquire(MODERN)];
  expect(one.sandbox).not.toBe(two.sandbox);
  expect(one.note).toContain(`pass \`sandbox: "${one.sandbox.handle}"\` in every further call`);
  expect(one.note).toContain("until nothing has run in it for 30 minutes");
  expect((await registry.acquire(ANN)).note).toContain("This conversation's calls find it by themselves");
  expect((await registry.acquire(ANN)).note).toBeUndefined();
});

test("an idempotency key finds the sandbox it made, for its principal alone and after a crash [own.key, own.restart]", async () => {
  const server = folder.open();
  const key = "a key";
  const call = () => server.registry.acquire(MODERN, undefined, undefined, key);
  const [one, two] = await Promise.all([call(), call()]);
  expect(two.sandbox).toBe(one.sandbox);
  const { handle } = one.sandbox;
  const other = await server.registry.acquire({ ...MODERN, principal: "bob" }, undefined, undefined, key);
  expect(other.sandbox.handle).not.toBe(handle);
  folder.kill(server);
  const next = folder.open().registry;
  expect(await next.takeOver()).toBe(2);
  expect((await next.acquire(MODERN, undefined, undefined, key)).sandbox.handle).toBe(handle);
});

test("a server finds again what a killed one left: files, running commands, names [own.restart, own.command]", async () => {
  const server = folder.open();
  const { entry } = await server.registry.create(ANN, { name: "mine" });
  const { handle, commands } = entry.sandbox;
  const command = await commands.start({ command: "echo begun; sleep 60", outputLimit: 1024 });
  folder.kill(server);
  const { registry } = folder.open();
  expect(await registry.takeOver()).toBe(1);
  const [found] = registry.list(ANN);
  expect(found?.sandbox.note).toMatchObject({ handle, name: "mine", principal: "ann" });
  expect(found?.sandbox.isBusy).toBe(true);
  expect((await registry.byCommand(ANN, command.name)).handle).toBe(handle);
  expect(await codesOf(registry.acquire(BOB, handle))).toEqual(["SANDBOX_UNKNOWN"]);
  await registry.remove(ANN, handle);
});

test("fifty sandboxes are found again at once, and each is its owner's [own.restart]", async () => {
  const server = folder.open();
  const owners = Array.from({ length: 50 }, (_, index) => ({ principal: `p${index}`, session: `s${index}` }));
  const handles = new Map<string, string>();
  for (const owner of owners) handles.set(owner.principal, (await server.registry.acquire(owner)).sandbox.handle);
  folder.kill(server);
  const { registry } = folder.open();
  expect(await registry.takeOver()).toBe(50);
  for (const owner of owners) {
    expect(registry.list(owner).map(({ sandbox }) => sandbox.handle)).toEqual([handles.get(owner.principal) ?? ""]);
  }
}, 30_000);

test("a note that another key has sealed, or that is another sandbox's, opens nothing [own.note]", async () => {
  const server = folder.open();
  const [{ sandbox: stolen }, { sandbox: forged }] = [
    await server.registry.acquire(ANN),
    await server.registry.acquire(BOB),
  ];
  const { sandbox: replayed } = await server.registry.acquire({ ...BOB, session: "c" });
  const stranger = dataFolder();
  // What a hostile agent of bob's could give back: a note with a seal of its own, and one that it has got elsewhere.
  forged.keep(stranger.notes, { principal: "ann" });
  const channel = new Channel(() => {});
  await channel.open(server.engine, replayed.ref, 30_000);
  channel.note(folder.notes.seal(stolen.note));
  channel.close();
  folder.kill(server);
  const next = folder.open();
  const tries = [forged.handle, replayed.handle].flatMap((handle) =>
    [ANN, BOB].map((caller) => next.registry.acquire(caller, handle)),
  );
  expect(new Set(await codesOf(...tries))).toEqual(new Set(["SANDBOX_UNKNOWN"]));
  expect(await next.registry.takeOver()).toBe(1);
  expect((await next.registry.acquire(ANN, stolen.handle)).sandbox.handle).toBe(stolen.handle);
  await until("what nobody can use is removed", async () => (await next.engine.list()).length === 1);
  await stranger.close();
});

test("of two servers the one that was asked last keeps a sandbox, and the other lets go of it [own.servers, life.idle]", async () => {
  const [one, two] = [folder.open({ idleMs: 400 }), folder.open()];
  const { sandbox } = await one.registry.acquire(ANN);
  const there = await two.registry.acquire(ANN, sandbox.handle);
  expect(there.sandbox).not.toBe(sandbox);
  expect([one.engine.isClaimed(sandbox.ref), two.engine.isClaimed(sandbox.ref)]).toEqual([false, true]);
  await until("the first has let go", () => one.registry.size === 0);
  expect(await run(there.sandbox, "echo goes on")).toMatchObject({ output: "goes on\n" });
  const back = await one.registry.acquire(ANN, sandbox.handle);
  expect(one.engine.isClaimed(sandbox.ref)).toBe(true);
  await two.registry.close();
  expect(await run(back.sandbox, "echo still there")).toMatchObject({ output: "still there\n" });
});
