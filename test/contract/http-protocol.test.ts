/** What clients do, well or badly, to the endpoint: no socket, real commands. */
import { afterAll, describe, expect, test } from "bun:test";
import { answerOf, begin, call, eventsIn, initialize, of, openApp, request, VERSION } from "../support/mcp-app.ts";

const app = openApp({ policy: { bodyLimit: 100_000 } });
afterAll(() => app.close());

const post = (body: unknown, headers: Record<string, string> = {}) => app.fetch(request(body, headers));

describe("JSON-RPC", () => {
  test.each([
    ["{", -32700],
    ["", -32700],
    ["nonsense", -32700],
    ["null", -32600],
    ["42", -32600],
    ['"text"', -32600],
    ["{}", -32600],
    ["[]", -32600],
    [JSON.stringify([call(1, { command: "true" }), call(2, { command: "true" })]), -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":5}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}', -32600],
  ])("that is malformed has its own code, with and without a session: %p [input.json]", async (text, code) => {
    const session = await begin(app);
    for (const headers of [{}, of(session)]) {
      const response = await post(text, headers);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ jsonrpc: "2.0", id: null, error: { code } });
    }
    expect(await answerOf(await post(call(1, { command: "echo well" }), of(session)))).toMatchObject({
      result: { structuredContent: { output: "well\n" } },
    });
    await app.sessions.end(session);
  });

  test("nested without an end is malformed too [input.json]", async () => {
    const response = await post("[".repeat(50_000));
    expect(await response.json()).toMatchObject({ error: { code: -32700 } });
  });

  test("bytes that are no UTF-8 do no harm [input.json]", async () => {
    const body = new Uint8Array([0x22, 0xff, 0xfe, 0x80, 0x22]);
    const response = await app.fetch(request(undefined, {}, { body }));
    expect(response.status).toBe(400);
  });

  test("a method that does not exist is -32601, a tool that does not exist -32602 [input.json]", async () => {
    const session = await begin(app);
    const method = { jsonrpc: "2.0", id: 1, method: "no/such" };
    expect(await answerOf(await post(method, of(session)))).toMatchObject({ error: { code: -32601 } });
    const tool = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "rm", arguments: {} } };
    expect(await answerOf(await post(tool, of(session)))).toMatchObject({
      error: { code: -32602, message: expect.stringMatching(/unknown tool rm; there are: .*shell_exec/) },
    });
    await app.sessions.end(session);
  });

  test("a second request with the id of one that runs is refused, and the first is answered [input.isolated]", async () => {
    const session = await begin(app);
    const first = await post(call("same", { command: "sleep 0.3; echo first" }), of(session));
    const second = await post(call("same", { command: "echo second" }), of(session));
    expect(second.status).toBe(400);
    expect(await second.json()).toMatchObject({ error: { code: -32600, message: expect.stringMatching(/this id/) } });
    expect(await answerOf(first)).toMatchObject({ id: "same", result: { structuredContent: { output: "first\n" } } });
    const third = await answerOf(await post(call("same", { command: "echo third" }), of(session)));
    expect(third).toMatchObject({ result: { structuredContent: { output: "third\n" } } });
    await app.sessions.end(session);
  });
});

describe("a body over the limit", () => {
  test("is refused by its length before it is read [input.body]", async () => {
    let isRead = false;
    const body = new ReadableStream({ pull: () => void (isRead = true) }, { highWaterMark: 0 });
    const response = await app.fetch(request(undefined, { "content-length": "100001" }, { body }));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringMatching(/100000 bytes/) } });
    expect(isRead).toBe(false);
  });

  test("is refused while it comes without a length, and reading stops [input.body]", async () => {
    let sent = 0;
    let isCancelled = false;
    const body = new ReadableStream({
      pull(controller) {
        sent += 10_000;
        controller.enqueue(new Uint8Array(10_000).fill(32));
      },
      cancel: () => void (isCancelled = true),
    });
    const response = await app.fetch(request(undefined, {}, { body }));
    expect(response.status).toBe(413);
    expect(sent).toBeLessThan(150_000);
    expect(isCancelled).toBe(true);
  });

  test("that breaks off is refused, and nothing else happens [input.body]", async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error("cut")) });
    const response = await app.fetch(request(undefined, {}, { body }));
    expect(response.status).toBe(400);
  });
});

describe("a session", () => {
  test("that is unknown is 404 with exactly what clients wait for [input.session]", async () => {
    for (const method of ["POST", "GET", "DELETE"]) {
      const body = method === "POST" ? JSON.stringify(call(1, { command: "true" })) : null;
      const response = await app.fetch(request(undefined, of("no-such"), { method, body }));
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({
        jsonrpc: "2.0",
        error: { code: -32001, message: "Session not found" },
        id: null,
      });
    }
  });

  test("that is not named is 400 [input.session]", async () => {
    expect((await post(call(1, { command: "true" }))).status).toBe(400);
    expect((await app.fetch(request(undefined, {}, { method: "GET" }))).status).toBe(400);
    expect((await app.fetch(request(undefined, {}, { method: "DELETE" }))).status).toBe(400);
  });

  test("begins anew with an initialize that carries the id of an old one [input.session]", async () => {
    const response = await post(initialize(), of("long-gone"));
    expect(response.status).toBe(200);
    const id = response.headers.get("mcp-session-id") ?? "";
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await answerOf(response)).toMatchObject({ result: { protocolVersion: VERSION } });
    await app.sessions.end(id);
  });

  test("is not opened by an initialize that the client could not read [input.isolated]", async () => {
    const before = app.sessions.size;
    expect((await post(initialize(), { accept: "text/html" })).status).toBe(406);
    expect((await post(initialize(), { "content-type": "text/plain" })).status).toBe(415);
    expect(app.sessions.size).toBe(before);
  });

  test("of another principal is as unknown as one that never was [own.foreign, input.session]", async () => {
    const ann = { "x-principal": "ann" };
    const bob = { "x-principal": "bob" };
    const session = await begin(app, ann);
    for (const method of ["POST", "GET", "DELETE"]) {
      const init = { method, body: method === "POST" ? JSON.stringify(call(1, { command: "true" })) : null };
      const foreign = await app.fetch(request(undefined, of(session, bob), init));
      const unknown = await app.fetch(request(undefined, of("no-such", bob), init));
      expect([foreign.status, await foreign.text()]).toEqual([404, await unknown.text()]);
    }
    expect((await post(call(1, { command: "true" }), of(session, ann))).status).toBe(200);
    await app.sessions.end(session);
  });

  test("a handle of another principal is as unknown as a made-up one, one's own works anywhere [own.foreign, own.handle]", async () => {
    const [ann, other, bob] = [
      { "x-principal": "ann" },
      { "x-principal": "ann", "user-agent": "other" },
      { "x-principal": "bob" },
    ];
    const sessions = await Promise.all([begin(app, ann), begin(app, other), begin(app, bob)]);
    const run = async (index: number, args: object, headers: Record<string, string>) =>
      answerOf(await post(call(7, { command: "echo $$", ...args }), of(sessions[index] ?? "", headers)));
    const first = await run(0, {}, ann);
    const sandbox = first.result?.structuredContent?.["sandbox"] as string;
    const again = await run(1, { sandbox }, other);
    expect(again.result?.structuredContent).toMatchObject({ sandbox, retval: 0 });
    const madeUp = `sbx_${"0".repeat(32)}`;
    const foreign = JSON.stringify(await run(2, { sandbox }, bob));
    const unknown = JSON.stringify(await run(2, { sandbox: madeUp }, bob));
    expect(foreign).toContain("SANDBOX_UNKNOWN");
    expect(foreign.replaceAll(sandbox, madeUp)).toBe(unknown);
    await Promise.all(sessions.map((session) => app.sessions.end(session)));
  });
});

describe("a stream", () => {
  test("has its first byte at once, long before there is an answer [exec.progress]", async () => {
    const session = await begin(app);
    const response = await post(call(1, { command: "sleep 0.5" }), of(session));
    const reader = response.body?.getReader();
    const startedAt = performance.now();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(": ok\n\n");
    expect(performance.now() - startedAt).toBeLessThan(200);
    await reader?.cancel();
    await app.sessions.end(session);
  });

  test("carries progress in order before the one answer [exec.progress]", async () => {
    const session = await begin(app);
    const running = call(3, { command: "for i in 1 2 3; do echo $i; sleep 0.3; done" }, { progressToken: "p" });
    const events = eventsIn(await (await post(running, of(session))).text()).filter(({ message }) => message.method);
    const params = events.map(({ message }) => (message as { params?: { progress: number; message: string } }).params);
    expect(params.length).toBeGreaterThan(1);
    expect(params.map((each) => each?.progress)).toEqual(params.map((_, index) => index + 1));
    expect(params.map((each) => each?.message).join("")).toBe("1\n2\n3\n");
    await app.sessions.end(session);
  });
});
