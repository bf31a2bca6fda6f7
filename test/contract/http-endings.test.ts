/** How calls, streams and sessions end: cancelled, cut, resumed, deleted, in the middle of anything. */
import { afterAll, expect, test } from "bun:test";
import type { Engine } from "../../src/sandbox/engine.ts";
import { FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { HostEngine } from "../support/host-engine.ts";
import { answerOf, begin, call, eventsIn, of, openApp, request, type App } from "../support/mcp-app.ts";
import { until } from "../support/sandboxes.ts";

const app = openApp();
afterAll(() => app.close());

const post = (session: string, body: unknown, to: App = app) => to.fetch(request(body, of(session)));
const get = (session: string, lastId?: string) =>
  app.fetch(request(undefined, of(session, lastId ? { "last-event-id": lastId } : {}), { method: "GET" }));
const remove = (session: string, from: App = app) => from.fetch(request(undefined, of(session), { method: "DELETE" }));
const cancelled = (requestId: string | number) => ({
  jsonrpc: "2.0",
  method: "notifications/cancelled",
  params: { requestId },
});
const processes = (mark: string) => {
  const found = Bun.spawnSync(["pgrep", "-f", `^sleep ${mark}$`]).stdout.toString();
  return found.split("\n").filter(Boolean).length;
};

/** Reads a stream until an event with an id has come, and then cuts the connection. */
async function cutAfterFirstEvent(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  let text = "";
  while (!/^id: .+$/m.test(text)) text += new TextDecoder().decode((await reader?.read())?.value);
  await reader?.cancel();
  return /^id: (.+)$/m.exec(text)?.[1] ?? "";
}

test.each(["c", 7, 0, ""])(
  "request %p is cancelled with its whole tree, and its stream closes without an answer [end.cancel]",
  async (id) => {
    const session = await begin(app);
    const response = await post(session, call(id, { command: "setsid sleep 31101 & sleep 31101" }));
    await until("it runs", () => processes("31101") === 2);
    expect((await post(session, cancelled(id))).status).toBe(202);
    const events = eventsIn(await response.text());
    expect(events.filter(({ message }) => "result" in message || "error" in message)).toEqual([]);
    await until("its processes are gone", () => processes("31101") === 0);
    expect((await get(session, events[0]?.id)).status).toBe(405);
    expect(app.sessions.find(session, "local")?.requests.size).toBe(0);
    await remove(session);
  },
);

test("a call that is cancelled while its sandbox is made starts nothing [end.cancel]", async () => {
  const engine = new SlowEngine(300);
  const slow = openApp({ engine });
  const session = await begin(slow);
  const response = await post(session, call("c", { command: "true" }), slow);
  await post(session, cancelled("c"), slow);
  await response.text();
  await until("the sandbox is there", async () => (await engine.list()).length === 1);
  await Bun.sleep(50);
  expect(engine.starts).toBe(0);
  await answerOf(await post(session, call("n", { command: "true" }), slow));
  expect([engine.starts, engine.created]).toEqual([1, 1]);
  await slow.close();
  await engine.close();
});

test("a cut connection does not end a command, and a resume gets its result exactly once [exec.cut]", async () => {
  const session = await begin(app);
  const lastId = await cutAfterFirstEvent(await post(session, call(5, { command: "sleep 0.4; echo survived" })));
  const events = eventsIn(await (await get(session, lastId)).text().catch(() => ""));
  const again = await get(session, events.at(-1)?.id);
  expect(events.map(({ message }) => message.result?.structuredContent?.["output"])).toEqual(["survived\n"]);
  expect(again.status).toBe(405);
  expect(again.headers.get("allow")).toBe("POST, DELETE");
  await remove(session);
});

test("a result that came while nobody listened waits for the client, and its stream ends [exec.cut]", async () => {
  const session = await begin(app);
  const lastId = await cutAfterFirstEvent(await post(session, call(6, { command: "echo waiting" })));
  await until("it is answered", () => app.sessions.find(session, "local")?.requests.size === 0);
  const events = eventsIn(await (await get(session, lastId)).text());
  expect(events.map(({ message }) => message.id)).toEqual([6]);
  await remove(session);
});

test("a resume of a stream that never was is refused and leaves nothing [input.isolated]", async () => {
  const session = await begin(app);
  for (const id of ["nonsense", "a_1", "__proto___1", "_", "é_9".repeat(99)]) {
    expect((await get(session, encodeURIComponent(id))).status).toBe(405);
  }
  expect(app.sessions.find(session, "local")?.streams).toBe(0);
  await remove(session);
});

test("a second GET takes the place of the first [input.session]", async () => {
  const session = await begin(app);
  const first = await get(session);
  const second = await get(session);
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(await first.text()).toBe(": ok\n\n");
  const live = app.sessions.find(session, "local");
  await until("one is counted", () => live?.streams === 1);
  await second.body?.cancel();
  await until("none is counted", () => live?.streams === 0);
  await remove(session);
});

test("DELETE ends the session, its calls and streams, and its sandbox [life.removed]", async () => {
  const before = (await app.host.list()).length;
  const session = await begin(app);
  const response = await post(session, call(1, { command: "sleep 5" }));
  const standing = await get(session);
  await until("it has a sandbox", async () => (await app.host.list()).length === before + 1);
  expect((await remove(session)).status).toBe(200);
  expect([await standing.text(), eventsIn(await response.text()).length]).toEqual([": ok\n\n", 1]);
  expect((await app.host.list()).length).toBe(before);
  expect((await remove(session)).status).toBe(404);
  expect((await post(session, call(2, { command: "true" }))).status).toBe(404);
});

/** Makes a sandbox only after a while, as Podman does, and can fail at what follows. */
class SlowEngine extends HostEngine {
  readonly #delay: number;
  /** Commands that were started. */
  starts = 0;
  constructor(delay: number) {
    super();
    this.#delay = delay;
  }
  override async create(...args: Parameters<Engine["create"]>) {
    await Bun.sleep(this.#delay);
    return super.create(...(args as Parameters<HostEngine["create"]>));
  }
  override async connect(...args: Parameters<HostEngine["connect"]>) {
    const connection = await super.connect(...args);
    const send = (bytes: Uint8Array) => {
      if (bytes[4] === FrameType.START) this.starts++;
      return connection.send(bytes);
    };
    return { ...connection, send };
  }
}

test("DELETE while the sandbox is still being made leaves no sandbox [life.removed]", async () => {
  const engine = new SlowEngine(300);
  const slow = openApp({ engine, pool: 0 });
  const session = await begin(slow);
  const calls = await Promise.all([1, 2, 3].map((id) => post(session, call(id, { command: "echo" }), slow)));
  await Bun.sleep(50);
  expect((await remove(session, slow)).status).toBe(200);
  await Promise.all(calls.map((response) => response.text()));
  await Bun.sleep(500);
  expect([await engine.list(), slow.registry.size, slow.sessions.size]).toEqual([[], 0, 0]);
  expect(engine.created).toBe(1);
  await slow.close();
  await engine.close();
});

test("DELETE while a lost sandbox is replaced leaves no sandbox [life.removed]", async () => {
  const engine = new SlowEngine(0);
  const slow = openApp({ engine });
  const session = await begin(slow);
  await answerOf(await post(session, call(1, { command: "true" }), slow));
  const [lost] = await engine.list();
  engine.whyGone = async () => Bun.sleep(200).then(() => ({ text: "lost", outOfMemory: false }));
  await engine.remove(lost ?? { name: "" });
  await Bun.sleep(50);
  const response = await post(session, call(2, { command: "true" }), slow);
  await Bun.sleep(20);
  await remove(session, slow);
  await response.text();
  await Bun.sleep(400);
  expect([await engine.list(), slow.registry.size]).toEqual([[], 0]);
  await slow.close();
  await engine.close();
});

test("a server that stops while sandboxes are made leaves none, in use or in the pool [life.exit]", async () => {
  const engine = new SlowEngine(150);
  const slow = openApp({ engine, pool: 2 });
  slow.pool.fill();
  const sessions = await Promise.all([begin(slow), begin(slow), begin(slow)]);
  await Promise.all(sessions.map((session) => post(session, call(1, { command: "sleep 5" }), slow)));
  await Bun.sleep(100);
  await slow.close();
  await Bun.sleep(300);
  expect(await engine.list()).toEqual([]);
  await engine.close();
});
