import { expect, test } from "bun:test";
import { readBody } from "../../src/http/body.ts";
import { eventOf, openStream } from "../../src/http/stream.ts";

const streamed = (body: ReadableStream) => new Response(body, { headers: { "content-type": "text/event-stream" } });

test("an event stream begins with a comment at once, and ends where it ended [exec.progress]", async () => {
  let ended = 0;
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      await Bun.sleep(50);
      controller.enqueue(new TextEncoder().encode("data: 1\n\n"));
      controller.close();
    },
  });
  const response = openStream(streamed(body), () => ended++);
  expect(await response.text()).toBe(": ok\n\ndata: 1\n\n");
  expect(ended).toBe(1);
});

test("what is no event stream passes unchanged [exec.progress]", () => {
  let ended = 0;
  const response = Response.json({});
  expect(openStream(response, () => ended++)).toBe(response);
  expect(ended).toBe(1);
});

test("a client that goes away is heard of at the source [exec.cut]", async () => {
  let reason: unknown;
  let ended = 0;
  const source = new ReadableStream({ cancel: (why) => void (reason = why) });
  await openStream(streamed(source), () => ended++).body?.cancel("gone");
  await Bun.sleep(0);
  expect([reason, ended]).toEqual(["gone", 1]);
});

test("a client that does not read is cut off before its stream fills the memory [input.isolated]", async () => {
  let sent = 0;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      sent += 100_000;
      controller.enqueue(new Uint8Array(100_000));
    },
    cancel: () => void (isCancelled = true),
  });
  const response = openStream(streamed(body));
  for (let wait = 0; wait < 100 && !isCancelled; wait++) await Bun.sleep(10);
  expect(isCancelled).toBe(true);
  expect(sent).toBeLessThan(5_000_000);
  expect(response.text()).rejects.toThrow(/does not read/);
});

test("a source that fails ends the stream with its error [exec.cut]", async () => {
  let ended = 0;
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("broken")) });
  expect(openStream(streamed(body), () => ended++).text()).rejects.toThrow("broken");
  await Bun.sleep(10);
  expect(ended).toBe(1);
});

test("one event is a whole stream [exec.cut]", async () => {
  const response = eventOf("a_1", { text: "line\nline" });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  expect(await response.text()).toBe('event: message\nid: a_1\ndata: {"text":"line\\nline"}\n\n');
});

const posted = (body?: string | ReadableStream) =>
  new Request("http://h/", { method: "POST", ...(body ? { body } : {}) });

test("a body of exactly the limit is read, one byte more is not [input.body]", async () => {
  expect(await readBody(posted("x".repeat(10)), { limit: 10 })).toEqual({ text: "x".repeat(10) });
  expect(await readBody(posted("x".repeat(11)), { limit: 10 })).toMatchObject({ refusal: { status: 413 } });
  expect(await readBody(posted(), { limit: 10 })).toEqual({ text: "" });
});

test("a body that trickles in is waited for only so long, and its source hears of it [input.slow]", async () => {
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await Bun.sleep(20);
      controller.enqueue(new Uint8Array([120]));
    },
    cancel: () => void (isCancelled = true),
  });
  const startedAt = performance.now();
  const read = await readBody(posted(body), { limit: 1_000_000, withinMs: 100 });
  expect(read).toMatchObject({ refusal: { status: 408, message: expect.stringMatching(/within 0.1 s/) } });
  expect(performance.now() - startedAt).toBeLessThan(500);
  expect(isCancelled).toBe(true);
});

test("a body that breaks off is refused and not taken for its beginning [input.body]", async () => {
  const broken = posted(new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) }));
  expect(await readBody(broken, { limit: 10 })).toMatchObject({ refusal: { status: 400, code: -32700 } });
});
