/** Connections on which nothing comes: closed before a request, left alone after one. */
import { afterAll, expect, test } from "bun:test";
import { listen, type WebSocketTarget } from "../../src/runtime.ts";

const SILENT_MS = 20_000;
const silentStream = () =>
  new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(Buffer.from("data: first\n\n"));
      await Bun.sleep(SILENT_MS);
      controller.enqueue(Buffer.from("data: last\n\n"));
      controller.close();
    },
  });
const echo = (): WebSocketTarget => {
  let answer: (message: string | Uint8Array) => unknown = () => {};
  return {
    onOpen: (peer) => void (answer = (message) => peer.send(message)),
    onMessage: (message) => answer(message),
    onClose: () => {},
  };
};
const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  fetch: ({ url }) => new Response(url.endsWith("/stream") ? silentStream() : "fine"),
  upgrade: async () => echo(),
});
afterAll(() => listener.stop());

/** Sends a text and nothing more. @returns milliseconds until the connection is closed */
async function untilClosed(text: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const startedAt = performance.now();
  const close = () => resolve(performance.now() - startedAt);
  const handlers = { data: () => {}, close, error: close };
  const socket = await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket: handlers });
  socket.write(text);
  const closedAt = await Promise.race([promise, Bun.sleep(30_000).then(() => Number.POSITIVE_INFINITY)]);
  socket.terminate();
  return closedAt;
}

test.concurrent(
  "what never becomes a request is closed [input.slow]",
  async () => {
    const closedAt = await Promise.all([untilClosed(""), untilClosed("GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ")]);
    for (const each of closedAt) expect(each).toBeLessThan(25_000);
  },
  40_000,
);

test.concurrent(
  "an event stream that is silent for 20 seconds goes on [input.slow]",
  async () => {
    const response = await fetch(`http://127.0.0.1:${listener.port}/stream`);
    expect(await response.text()).toBe("data: first\n\ndata: last\n\n");
  },
  40_000,
);

test.concurrent(
  "so does a WebSocket [input.slow]",
  async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${listener.port}/`);
    await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
    await Bun.sleep(SILENT_MS);
    const answer = new Promise((resolve) =>
      socket.addEventListener("message", ({ data }) => resolve(data), { once: true }),
    );
    socket.send("still there");
    expect(await answer).toBe("still there");
    socket.close();
  },
  40_000,
);
