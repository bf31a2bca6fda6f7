/** Bounds: sessions, requests, memory, time; and everything at once. */
import { expect, test } from "bun:test";
import { serveFixtures } from "../support/conformance-server.ts";
import { HostEngine } from "../support/host-engine.ts";
import { answerOf, begin, call, connect, initialize, of, openApp, request } from "../support/mcp-app.ts";
import { modern } from "../support/mcp-modern.ts";
import { until } from "../support/sandboxes.ts";

const MINUTE = 60_000;

test("a full server refuses politely, and has room again when a session ends [limit.sessions]", async () => {
  const app = openApp({ limit: 2 });
  const [first] = [await begin(app), await begin(app)];
  const refused = await app.fetch(request(initialize()));
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({
    error: { message: expect.stringMatching(/all 2 sessions.*--max-sessions/) },
  });
  await app.fetch(request(undefined, of(first), { method: "DELETE" }));
  await begin(app);
  await app.close();
});

test("an abandoned session makes room; one that is new, runs something or listens does not [limit.sessions]", async () => {
  const app = openApp({ limit: 4 });
  const [abandoned, running, listening, recent] = await Promise.all([begin(app), begin(app), begin(app), begin(app)]);
  await app.fetch(request(call(1, { command: "sleep 5" }), of(running)));
  await app.fetch(request(undefined, of(listening), { method: "GET" }));
  for (const id of [abandoned, running, listening]) {
    const session = app.sessions.find(id, "local");
    if (session) session.lastSeenAt -= MINUTE;
  }
  await begin(app);
  expect(app.sessions.find(abandoned, "local")).toBeUndefined();
  for (const id of [running, listening, recent]) expect(app.sessions.find(id, "local")).toBeDefined();
  expect((await app.fetch(request(initialize()))).status).toBe(503);
  await app.close();
});

test("of two abandoned sessions the one that was silent longer goes, with its sandbox [limit.sessions]", async () => {
  const app = openApp({ limit: 2 });
  const [older, newer] = await Promise.all([begin(app), begin(app)]);
  await answerOf(await app.fetch(request(call(1, { command: "true" }), of(older))));
  const ages = [
    [older, 3 * MINUTE],
    [newer, 2 * MINUTE],
  ] as const;
  for (const [id, age] of ages) (app.sessions.find(id, "local") ?? { lastSeenAt: 0 }).lastSeenAt = Date.now() - age;
  await begin(app);
  expect(app.sessions.find(older, "local")).toBeUndefined();
  expect(app.sessions.find(newer, "local")).toBeDefined();
  await until("its sandbox is gone", async () => (await app.host.list()).length === 0);
  await app.close();
});

test("an idle session ends with its sandbox; one that runs a command stays, and its time counts from its end [life.idle]", async () => {
  const app = openApp({ idleMs: 800 });
  const [idle, busy] = await Promise.all([begin(app), begin(app)]);
  await answerOf(await app.fetch(request(call(1, { command: "true" }), of(idle))));
  const running = await app.fetch(request(call(1, { command: "sleep 1.6; echo done" }), of(busy)));
  await until("the idle one is gone", () => app.sessions.find(idle, "local") === undefined);
  expect(await answerOf(running)).toMatchObject({ result: { structuredContent: { output: "done\n" } } });
  await Bun.sleep(300);
  expect(app.sessions.find(busy, "local")).toBeDefined();
  await until("both sandboxes are gone", async () => (await app.host.list()).length === 0);
  await until("both sessions are gone", () => app.sessions.size === 0);
  await app.close();
});

/** Makes a sandbox only after a second. */
class SlowEngine extends HostEngine {
  override async create(...args: Parameters<HostEngine["create"]>) {
    await Bun.sleep(1_000);
    return super.create(...args);
  }
}

test("a session may have only so many requests waiting [input.isolated]", async () => {
  const engine = new SlowEngine();
  const app = openApp({ engine });
  const session = await begin(app);
  const ids = Array.from({ length: 300 }, (_, index) => index + 1);
  const ask = (id: number) => app.fetch(request(call(id, { command: "true" }), of(session)));
  const statuses = (await Promise.all(ids.map(ask))).map((response) => response.status);
  expect([statuses.filter((each) => each === 200).length, statuses.filter((each) => each === 429).length]).toEqual([
    256, 44,
  ]);
  const live = app.sessions.find(session, "local");
  await until("they are answered", () => live?.requests.size === 0);
  expect(await answerOf(await ask(300))).toMatchObject({ result: { structuredContent: { retval: 0 } } });
  await app.close();
  await engine.close();
});

test("nothing grows over 5,000 calls, answered, cancelled and cut [input.isolated]", async () => {
  const app = openApp();
  const session = await begin(app);
  const one = async (id: number) => {
    const kind = id % 50;
    const command = kind === 0 ? "sleep 3" : ":";
    const response = await app.fetch(request(call(id, { command }, { progressToken: id }), of(session)));
    if (kind === 1) return response.body?.cancel();
    const params = { requestId: id };
    if (kind === 0)
      await app.fetch(request({ jsonrpc: "2.0", method: "notifications/cancelled", params }, of(session)));
    return response.text();
  };
  for (let id = 1; id <= 5_000; id += 25) {
    await Promise.all(Array.from({ length: 25 }, (_, offset) => one(id + offset)));
  }
  const live = app.sessions.find(session, "local");
  await until("all are answered", () => live?.requests.size === 0);
  await Bun.sleep(50);
  expect(live?.events.size).toBeLessThanOrEqual(256);
  const maps = Object.entries(live?.transport ?? {}).filter(
    ([, value]) => value instanceof Map || value instanceof Set,
  );
  expect(maps.length).toBeGreaterThan(3);
  expect(maps.map(([name, value]) => [name, (value as Map<unknown, unknown>).size])).toEqual(
    maps.map(([name]) => [name, 0]),
  );
  await app.close();
}, 90_000);

/** Bytes of live objects. */
function heap(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}

test("memory stays flat over 20,000 calls in each era [input.isolated, era.bounded]", async () => {
  const fixtures = serveFixtures();
  const session = await begin(fixtures);
  const params = { name: "test_simple_text", arguments: {} };
  const eras = {
    legacy: (id: number) => request({ jsonrpc: "2.0", id, method: "tools/call", params }, of(session)),
    modern: (id: number) => modern("tools/call", params, { id }),
  };
  for (const make of Object.values(eras)) {
    const ask = async (from: number, to: number) => {
      for (let id = from; id < to; id++) await (await fixtures.fetch(make(id))).text();
    };
    await ask(0, 2_000);
    const before = heap();
    await ask(2_000, 22_000);
    expect((heap() - before) / 2 ** 20).toBeLessThan(8);
  }
  const live = fixtures.sessions.find(session, "local");
  expect([live?.requests.size, live?.streams, fixtures.modern.running]).toEqual([0, 0, 0]);
  expect(live?.events.size).toBeLessThanOrEqual(256);
  await fixtures.close();
}, 60_000);

test("requests without a session are bounded in number, and have room again when some end [era.bounded]", async () => {
  const fixtures = serveFixtures();
  const listen = () =>
    fixtures.fetch(
      modern("subscriptions/listen", { notifications: { resourceSubscriptions: ["test://static-text"] } }),
    );
  const open = await Promise.all(Array.from({ length: 1_024 }, listen));
  const refused = await listen();
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
  await open[0]?.body?.cancel();
  await until("there is room", () => fixtures.modern.running === 1_023);
  expect((await fixtures.fetch(modern("tools/list"))).status).toBe(200);
  await fixtures.close();
  const ends = await Promise.all(open.slice(1).map((response) => response.text()));
  expect(ends.every((text) => text.includes('"resultType":"complete"'))).toBe(true);
  expect(fixtures.modern.running).toBe(0);
}, 30_000);

test("50 sessions with 20 calls each, cancelled and deleted at random, leave nothing [input.isolated]", async () => {
  const app = openApp({ pool: 2 });
  const conversation = async (number: number) => {
    const session = await begin(app);
    const calls = Array.from({ length: 20 }, async (_, index) => {
      const command = index % 4 === 3 ? "sleep 5" : `echo ${number}.${index}`;
      const response = await app.fetch(request(call(index, { command }), of(session)));
      const params = { requestId: index };
      if (index % 4 === 3)
        await app.fetch(request({ jsonrpc: "2.0", method: "notifications/cancelled", params }, of(session)));
      const answer = await answerOf(response);
      const output = answer.result?.structuredContent?.["output"];
      if (output !== undefined) expect(output).toBe(`${number}.${index}\n`);
      return output !== undefined;
    });
    if (number % 5 === 0) await app.fetch(request(undefined, of(session), { method: "DELETE" }));
    const answered = (await Promise.all(calls)).filter(Boolean).length;
    if (number % 5 !== 0) expect(answered).toBe(15);
    await app.fetch(request(undefined, of(session), { method: "DELETE" }));
  };
  await Promise.all(Array.from({ length: 50 }, (_, number) => conversation(number + 1)));
  await app.pool.close();
  expect([app.sessions.size, app.registry.size, await app.host.list()]).toEqual([0, 0, []]);
  await app.close();
}, 90_000);

test("the SDK's client works through it all, cancels and resumes [end.cancel]", async () => {
  const app = openApp();
  const { client, transport } = await connect(app);
  const controller = new AbortController();
  const params = { name: "shell_exec", arguments: { command: "sleep 5" } };
  const running = client.callTool(params, undefined, { signal: controller.signal });
  await until("it runs", async () => (await app.host.list()).length === 1);
  controller.abort("changed my mind");
  expect(running).rejects.toThrow(/changed my mind/);
  const next = await client.callTool({ name: "shell_exec", arguments: { command: "echo next" } });
  expect(next.structuredContent).toMatchObject({ output: "next\n" });
  await Bun.sleep(1500);
  expect(app.sessions.find(transport.sessionId ?? "", "local")?.streams).toBe(1);
  await transport.terminateSession();
  await client.close();
  expect([app.sessions.size, await app.host.list()]).toEqual([0, []]);
  await app.close();
});
