/** What a hostile application sends through an exposed port, and the bounds on everything. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { endlessly, get, openDoors, program, type Doors } from "../support/ports.ts";
import { until } from "../support/sandboxes.ts";

let doors: Doors;
const closers: (() => void)[] = [];
const MIB = 1024 * 1024;

beforeAll(async () => {
  doors = await openDoors({ perSandbox: 100 });
});

afterAll(async () => {
  await doors.close();
  for (const close of closers) close();
});

/** An application that answers any request with whatever `act` does. */
async function answering(act: (socket: Socket) => void): Promise<string> {
  const app = await program((socket) => socket.once("data", () => act(socket)));
  closers.push(app.close);
  const { path } = await doors.expose(app.port);
  return `${path}/`;
}

async function memoryOf(work: () => Promise<unknown>): Promise<number> {
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  await work();
  return process.memoryUsage.rss() - before;
}

const NO_HTTP: Record<string, (socket: Socket) => void> = {
  "nothing at all": (socket) => socket.end(),
  "no HTTP": (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"),
  binary: (socket) => socket.end(Buffer.alloc(4096, 0xff)),
  "half a head": (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-type: te"),
  "a status of no HTTP": (socket) => socket.end("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"),
  "two lengths": (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
  "an upgrade nobody asked for": (socket) =>
    socket.end("HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
};

for (const [what, act] of Object.entries(NO_HTTP)) {
  test(`an answer that is ${what} is 502, and the next request is answered [port.hostile]`, async () => {
    const response = await get(await answering(act));
    expect([response.status, response.headers.get("content-type")]).toEqual([502, "text/plain; charset=utf-8"]);
    const fine = await answering((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    expect(await (await get(fine)).text()).toBe("ok");
  });
}

const ENDLESS: Record<string, [head: string, more: string]> = {
  "status line": ["HTTP/1.1 200 ", "O".repeat(65_536)],
  header: ["HTTP/1.1 200 OK\r\nx: ", "x".repeat(65_536)],
  "row of headers": ["HTTP/1.1 200 OK\r\n", "a: b\r\n".repeat(10_000)],
  "chunk's size": ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "0".repeat(65_536)],
  "chunk's extension": ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", "x".repeat(65_536)],
  trailer: ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "a: b\r\n".repeat(10_000)],
  "row of interim answers": ["", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(1_000)],
};

for (const [what, [head, more]] of Object.entries(ENDLESS)) {
  test(`an endless ${what} fills no memory [port.hostile]`, async () => {
    let sent: Socket | undefined;
    const address = await answering((socket) => {
      sent = socket;
      socket.write(head);
      endlessly(socket, more);
    });
    const grown = await memoryOf(async () => {
      const response = await get(address, { signal: AbortSignal.timeout(1_500) }).catch(() => undefined);
      await response?.text().catch(() => {});
    });
    expect(grown).toBeLessThan(100 * MIB);
    await until("the connection is closed", () => sent?.destroyed === true);
  });
}

test("a body that breaks off is no whole body [port.hostile]", async () => {
  const chunked = await answering((socket) =>
    socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
  );
  expect(get(chunked).then((response) => response.text())).rejects.toThrow();
  const counted = await answering((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"));
  expect(get(counted).then((response) => response.text())).rejects.toThrow();
});

test("an application that reads nothing holds up its own client only [port.hostile]", async () => {
  const app = await program((socket) => socket.pause());
  closers.push(app.close);
  const { path } = await doors.expose(app.port);
  const chunk = new Uint8Array(MIB);
  let pulled = 0;
  const body = new ReadableStream({
    pull(controller) {
      pulled++;
      controller.enqueue(chunk);
    },
  });
  const init = { method: "POST", body, duplex: "half", signal: AbortSignal.timeout(1_000) } as RequestInit;
  const grown = await memoryOf(() => get(`${path}/`, init).catch(() => {}));
  expect(grown).toBeLessThan(100 * MIB);
  expect(pulled).toBeLessThan(100);
});

test("a sandbox has 16 exposed ports at most, and a closed one makes room [port.limits]", async () => {
  const own = await openDoors();
  for (let port = 1; port <= 16; port++) own.ports.expose(own.sandbox, port);
  expect(() => own.ports.expose(own.sandbox, 17)).toThrow("16 ports of this sandbox are exposed");
  expect(own.ports.expose(own.sandbox, 16).port).toBe(16);
  expect(own.ports.close(own.sandbox, 3)).toBe(true);
  expect(own.ports.expose(own.sandbox, 17).port).toBe(17);
  await own.close();
});

test("a port has so many connections at most, and then says when to come again [port.limits]", async () => {
  const own = await openDoors({ perPort: 2 });
  const app = await program((socket) => socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\nsome")));
  const { url } = await own.expose(app.port);
  const [first, second] = [await get(`${url}/`), await get(`${url}/`)];
  const third = await get(`${url}/`);
  expect([third.status, third.headers.get("retry-after")]).toEqual([503, "2"]);
  await first.body?.cancel();
  await until("there is room", async () => (await get(`${url}/`, { method: "HEAD" })).status === 200);
  await second.body?.cancel();
  await own.close();
  app.close();
});

test("a sandbox carries 64 streams at most, and then says when to come again [port.limits]", async () => {
  const own = await openDoors({ perPort: 200 });
  const app = await program((socket) => socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\nsome")));
  const { path } = await own.expose(app.port);
  const all = await Promise.all(Array.from({ length: 80 }, () => get(`${path}/`)));
  const refused = all.filter(({ status }) => status === 503);
  expect([refused.length, refused[0]?.headers.get("retry-after")]).toEqual([16, "2"]);
  for (const { body } of all) await body?.cancel();
  await until("there is room", async () => (await get(`${path}/`, { method: "HEAD" })).status === 200);
  await own.close();
  app.close();
});

test("a closed port answers no more and its connections end [port.limits]", async () => {
  const app = await program((socket) => socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\nsome")));
  const { url } = await doors.expose(app.port);
  const { body } = await get(`${url}/`);
  const reader = body?.getReader();
  await reader?.read();
  expect(doors.ports.close(doors.sandbox, app.port)).toBe(true);
  await until("the connection is closed", () => app.connections() === 0);
  expect((await get(`${url}/`)).status).toBe(404);
  expect((await doors.expose(app.port)).url).toBe(url);
  await reader?.cancel().catch(() => {});
  app.close();
});

test("a port of a sandbox that is gone is 410 with the reason [port.errors]", async () => {
  const own = await openDoors();
  const { url } = await own.expose(8080);
  await own.sandbox.remove();
  const response = await get(`${url}/`);
  expect([response.status, await response.text()]).toEqual([410, expect.stringContaining("podexec removed it")]);
  await own.close();
});
