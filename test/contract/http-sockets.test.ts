/** What only a real socket shows: held back headers, bodies that trickle in, connections that are reset. */
import { afterAll, expect, test } from "bun:test";
import { readBody } from "../../src/http/body.ts";
import { toResponse } from "../../src/http/gates.ts";
import { listen } from "../../src/runtime.ts";
import { begin, call, eventsIn, of, openApp, request } from "../support/mcp-app.ts";
import { exec } from "../support/mcp-modern.ts";
import { until } from "../support/sandboxes.ts";

const app = openApp();
const listener = listen({ hostname: "127.0.0.1", port: 0, fetch: app.fetch });
afterAll(async () => {
  await listener.stop();
  await app.close();
});

/** The same request over a socket. */
const send = async (plain: Request, signal?: AbortSignal) => {
  const { method, headers } = plain;
  const init = { method, headers, ...(method === "POST" ? { body: await plain.text() } : {}) };
  return fetch(`http://127.0.0.1:${listener.port}/mcp`, { ...init, ...(signal ? { signal } : {}) });
};
/** Two seconds' counts that no other run on this host sleeps for. */
const marks = { session: `31401.${process.pid}${Date.now()}`, modern: `31402.${process.pid}${Date.now()}` };
const processes = (mark: string) =>
  Bun.spawnSync(["pgrep", "-fx", `sleep ${mark.replace(".", "[.]")}`])
    .stdout.toString()
    .split("\n")
    .filter(Boolean).length;

test("the headers of a call come at once in both eras, long before its answer [exec.progress, era.both]", async () => {
  const session = await begin(app);
  for (const asked of [request(call(1, { command: "sleep 1" }), of(session)), exec({ command: "sleep 1" })]) {
    const startedAt = performance.now();
    const response = await send(asked);
    expect(response.status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(700);
    expect(eventsIn(await response.text()).at(-1)?.message).toMatchObject({
      result: { structuredContent: { retval: 0 } },
    });
  }
  await app.sessions.end(session);
}, 20_000);

test("a reset connection ends a modern call, and does not end one of a session [era.cut, exec.cut]", async () => {
  const session = await begin(app);
  const cut = async (asked: Request, mark: string) => {
    const closing = new AbortController();
    const response = await send(asked, closing.signal);
    await until("it runs", () => processes(mark) === 1);
    closing.abort();
    await response.text().catch(() => {});
  };
  await cut(request(call(1, { command: `sleep ${marks.session}` }), of(session)), marks.session);
  await cut(exec({ command: `sleep ${marks.modern}` }), marks.modern);
  await until("the modern one is gone", () => processes(marks.modern) === 0);
  expect(processes(marks.session)).toBe(1);
  await send(request({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }, of(session)));
  await until("the other is gone when it is cancelled", () => processes(marks.session) === 0);
  await app.sessions.end(session);
}, 20_000);

test("a body that trickles in is answered with 408, and its connection is closed [input.slow]", async () => {
  const slow = listen({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(asked) {
      const { text, refusal } = await readBody(asked, { limit: 1_000, withinMs: 300 });
      return refusal ? toResponse(refusal) : new Response(text);
    },
  });
  let heard = "";
  let isClosed = false;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: slow.port,
    socket: { data: (_, data) => void (heard += data.toString()), close: () => void (isClosed = true) },
  });
  socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n");
  for (let wait = 0; wait < 40 && !isClosed; wait++) {
    socket.write("x");
    await Bun.sleep(50);
  }
  expect(heard).toMatch(/^HTTP\/1.1 408 /);
  expect(isClosed).toBe(true);
  await slow.stop();
}, 20_000);
