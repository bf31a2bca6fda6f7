/** How long sandboxes stay, and what makes room for others. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { PodexecError } from "../../src/errors.ts";
import { Channel } from "../../src/sandbox/agent/channel.ts";
import { PERSONAL } from "../../src/sandbox/commands/command-record.ts";
import { ANN, BOB, codesOf, dataFolder } from "../support/registries.ts";
import { run, until } from "../support/sandboxes.ts";

let folder: ReturnType<typeof dataFolder>;
beforeEach(() => {
  folder = dataFolder();
});
afterEach(() => folder.close());

const MODERN = { principal: "ann", session: undefined };

async function failureOf(promise: Promise<unknown>): Promise<PodexecError> {
  const failure = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof PodexecError) return failure;
  throw new Error(`no failure: ${String(failure)}`);
}

test("an idle sandbox goes, a busy one does not, and both ways to ask for it are told [life.idle]", async () => {
  const { registry } = folder.open({ idleMs: 300 });
  const [idle, busy] = [await registry.acquire(ANN), await registry.acquire(BOB)];
  const running = run(busy.sandbox, "sleep 1; echo done");
  await until("the idle one is gone", () => registry.size === 1);
  const told = await failureOf(registry.acquire({ ...ANN, session: "other" }, idle.sandbox.handle));
  expect(told).toMatchObject({ code: "SANDBOX_GONE", message: expect.stringContaining("was idle for too long") });
  expect((await registry.acquire(ANN)).note).toMatch(/new sandbox: the one before was idle for too long/);
  expect(await codesOf(registry.acquire(BOB, idle.sandbox.handle))).toEqual(["SANDBOX_UNKNOWN"]);
  expect(await running).toMatchObject({ output: "done\n", why: "exited" });
});

test("an open connection to a port of a sandbox is use [life.idle]", async () => {
  const { registry } = folder.open({ idleMs: 300 });
  const { sandbox } = await registry.acquire(ANN);
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const stream = await sandbox.open({ to: "port", port: server.port }, { onData() {}, onClose() {} });
  await Bun.sleep(700);
  expect(registry.size).toBe(1);
  stream.close();
  await until("it is idle then", () => registry.size === 0);
  server.stop(true);
});

test("what somebody else runs in a sandbox is use, also where room is wanted [life.others]", async () => {
  const { registry, engine } = folder.open({ idleMs: 300, lingerMs: 300, limit: 1 });
  const { sandbox } = await registry.acquire(ANN);
  const person = new Channel(() => {});
  await person.open(engine, sandbox.ref, 60_000);
  const quiet = { onStarted() {}, onOutput() {}, onExited() {}, onError() {}, onResumed() {}, onLost() {} };
  const options = { args: ["sleep", "60"], head: 0, tail: 0, kept: PERSONAL };
  const shell = person.start(7n, options, quiet);
  await until("it runs", async () => (await person.list()).length === 1);
  await registry.endSession(ANN.session ?? "");
  await Bun.sleep(900);
  expect(await codesOf(registry.acquire(BOB))).toEqual(["LIMIT_REACHED"]);
  expect(registry.size).toBe(1);
  await shell.kill(0);
  await until("it is idle then", () => registry.size === 0);
  person.close();
});

test("a file that is being read is use [life.others]", async () => {
  const { registry, engine } = folder.open({ idleMs: 300 });
  const { sandbox } = await registry.acquire(ANN);
  await run(sandbox, "head -c 20000000 /dev/zero > big");
  const { pieces } = await sandbox.files.readStream(`${engine.folder}/big`);
  const reader = pieces[Symbol.asyncIterator]();
  await reader.next();
  expect(sandbox.isBusy).toBe(true);
  await Bun.sleep(700);
  expect(registry.size).toBe(1);
  await reader.return?.();
  await until("it is idle then", () => registry.size === 0);
});

test("at the end of its lifetime a sandbox goes whatever runs in it [life.lifetime]", async () => {
  const { registry } = folder.open({ lifetimeMs: 600 });
  const { entry } = await registry.create(ANN, { ttlMs: 3_600_000 });
  const shorter = await registry.create(ANN, { ttlMs: 150 });
  const running = run(entry.sandbox, "sleep 60");
  await until("the shorter life is over first", () => shorter.entry.sandbox.gone !== undefined);
  expect(entry.sandbox.gone).toBeUndefined();
  expect(await running).toMatchObject({ why: "sandbox_gone", retval: null });
  const told = await failureOf(registry.acquire(ANN, entry.sandbox.handle));
  expect(told.message).toContain("end of its lifetime");
});

test("a sandbox outlives its session for a while, and a call with its handle keeps it [life.removed]", async () => {
  const { registry } = folder.open({ lingerMs: 300 });
  const [left, kept, busy] = [
    await registry.acquire(ANN),
    await registry.acquire(BOB),
    await registry.acquire({ ...ANN, session: "c" }),
  ];
  const running = run(busy.sandbox, "sleep 1; echo done");
  await Promise.all(["a", "b", "c"].map((session) => registry.endSession(session)));
  expect(registry.size).toBe(3);
  await registry.acquire({ ...BOB, session: "later" }, kept.sandbox.handle);
  await until("the one that nobody asks for is gone", () => left.sandbox.gone !== undefined);
  expect(kept.sandbox.gone).toBeUndefined();
  expect(await running).toMatchObject({ output: "done\n" });
  await until("what was busy lingers from then on", () => busy.sandbox.gone !== undefined);
});

test("a sandbox whose handle nobody was told, as its call was given up, lingers; one in use does not [life.removed]", async () => {
  const { registry } = folder.open({ lingerMs: 300 });
  const [early, late, found] = [new AbortController(), new AbortController(), new AbortController()];
  early.abort();
  const left = await registry.acquire(MODERN, undefined, late.signal);
  const kept = await registry.acquire(MODERN, undefined, found.signal);
  expect(await codesOf(registry.acquire(MODERN, undefined, early.signal))).toEqual(["CANCELLED"]);
  late.abort();
  found.abort();
  await registry.acquire(MODERN, kept.sandbox.handle);
  await until("the one that nobody knows is gone", () => left.sandbox.gone !== undefined);
  expect(kept.sandbox.gone).toBeUndefined();
});

test("without lingering a sandbox goes with its session, also while it is made [life.removed]", async () => {
  const { registry, engine } = folder.open({ lingerMs: 0 });
  const { sandbox } = await registry.acquire(ANN);
  await registry.endSession("a");
  expect(sandbox.gone).toBeDefined();
  const making = registry.acquire(BOB);
  await registry.endSession("b");
  await making.catch(() => {});
  expect(await engine.list()).toEqual([]);
});

test("at the limit those without a session go first, the oldest before others; then the error lists what could be closed [limit.sandboxes]", async () => {
  const { registry } = folder.open({ limit: 3 });
  const first = await registry.acquire({ ...ANN, session: "1" });
  const second = await registry.acquire({ ...ANN, session: "2" });
  const { entry } = await registry.create({ ...ANN, session: "3" }, { name: "build" });
  await registry.endSession("2");
  await Bun.sleep(5);
  await registry.endSession("1");
  await registry.acquire({ ...ANN, session: "4" });
  expect([first.sandbox.gone, second.sandbox.gone !== undefined]).toEqual([undefined, true]);
  await registry.acquire(BOB);
  expect(first.sandbox.gone).toBeDefined();
  const running = run(entry.sandbox, "sleep 60").catch(() => {});
  const told = await failureOf(registry.acquire(MODERN));
  expect(told).toMatchObject({ code: "LIMIT_REACHED", message: expect.stringContaining("all 3 sandboxes") });
  expect(told.details).toContain(`${entry.sandbox.handle} (build): 1 command runs`);
  expect(told.details?.split("\n")).toHaveLength(2);
  await registry.close();
  await running;
});

test("one principal's limit leaves room for another, and counts what is being made [limit.sandboxes]", async () => {
  const { registry } = folder.open({ limitPerPrincipal: 2 });
  const tries = Array.from({ length: 4 }, () => registry.acquire(MODERN));
  expect((await codesOf(...tries)).toSorted()).toEqual(["LIMIT_REACHED", "LIMIT_REACHED", "ok", "ok"]);
  expect((await failureOf(registry.acquire(ANN))).message).toContain("you have 2 sandboxes");
  expect((await registry.acquire(BOB)).sandbox.gone).toBeUndefined();
});

test("a name is one sandbox's of a principal, also while it is made [tools.sandbox]", async () => {
  const { registry } = folder.open();
  const twice = [1, 2].map((session) => registry.create({ ...ANN, session: String(session) }, { name: "one" }));
  expect((await codesOf(...twice)).toSorted()).toEqual(["INVALID_PARAMS", "ok"]);
  expect(await codesOf(registry.create(BOB, { name: "one" }))).toEqual(["ok"]);
  for (const { sandbox } of registry.list(ANN)) await registry.remove(ANN, sandbox.handle);
  expect(await codesOf(registry.create(ANN, { name: "one" }))).toEqual(["ok"]);
});

test("a created sandbox is its session's only where that had none [tools.sandbox, own.session]", async () => {
  const { registry } = folder.open();
  const first = await registry.create(ANN, {});
  const second = await registry.create(ANN, {});
  expect([first.isDefault, second.isDefault]).toEqual([true, false]);
  expect((await registry.acquire(ANN)).sandbox).toBe(first.entry.sandbox);
  expect((await registry.create(MODERN, {})).isDefault).toBe(false);
});

test("a server that stops to keep makes no more sandboxes, and what it left goes on [life.kept]", async () => {
  const { registry, engine } = folder.open();
  const { sandbox } = await registry.acquire(ANN);
  const running = run(sandbox, "sleep 60").then(() => "told");
  registry.leave();
  expect(await codesOf(registry.acquire(ANN), registry.acquire(ANN, sandbox.handle))).toEqual([
    "INTERRUPTED",
    "INTERRUPTED",
  ]);
  expect(await Promise.race([running, Bun.sleep(300)])).toBeUndefined();
  expect((await engine.list()).map(({ state }) => state)).toEqual(["running"]);
});

test("a sandbox that ended by itself makes room, and its owner is told [limit.sandboxes, own.replaced]", async () => {
  const { registry, engine } = folder.open({ limit: 1, idleMs: 400 });
  const { sandbox } = await registry.acquire(ANN);
  await engine.remove(sandbox.ref);
  await until("the loss is noticed", () => sandbox.gone !== undefined);
  await until("it is not kept any more", () => registry.size === 0);
  expect((await failureOf(registry.acquire(ANN, sandbox.handle))).message).toContain(
    "is gone (its container was removed",
  );
  expect((await registry.acquire(ANN)).note).toContain("the one before is gone (its container was removed");
});

test("a creation that is cancelled meanwhile leaves nothing [tools.sandbox, end.cancel]", async () => {
  const { registry, engine } = folder.open();
  const stop = new AbortController();
  const creating = registry.create(MODERN, {}, stop.signal);
  stop.abort();
  expect(await codesOf(creating)).toEqual(["CANCELLED"]);
  expect(await engine.list()).toEqual([]);
});
