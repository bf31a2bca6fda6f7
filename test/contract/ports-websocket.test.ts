/** WebSockets through exposed ports and a real agent. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import http from "node:http";
import type { Socket } from "node:net";
import { endlessly, openDoors, program, type Doors } from "../support/ports.ts";
import { until } from "../support/sandboxes.ts";

let doors: Doors;
let echo: ReturnType<typeof Bun.serve>;
let base: string;
const closes: { code: number; reason: string }[] = [];
const closers: (() => void)[] = [];
const MIB = 1024 * 1024;

beforeAll(async () => {
  doors = await openDoors({ perSandbox: 100 });
  echo = Bun.serve<Record<string, string>>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, server) {
      if (new URL(request.url).pathname === "/forbidden") return new Response("no", { status: 403 });
      const offered = request.headers.get("sec-websocket-protocol") ?? "";
      const headers: Record<string, string> = offered.includes("second") ? { "Sec-WebSocket-Protocol": "second" } : {};
      const data = Object.fromEntries(request.headers);
      return server.upgrade(request, { data, headers }) ? undefined : new Response("plain");
    },
    websocket: {
      maxPayloadLength: 64 * MIB,
      backpressureLimit: 128 * MIB,
      open: (socket) => void (socket.data["x-greet"] && socket.send(JSON.stringify(socket.data))),
      message(socket, message) {
        if (message === "close") socket.close(4001, "as asked");
        else if (message === "ping") socket.ping("are you there");
        else if (message === "huge") socket.send(new Uint8Array(17 * MIB));
        else if (message === "flood") for (let i = 0; i < 200; i++) socket.send(new Uint8Array(MIB / 4).fill(i));
        else socket.send(message);
      },
      pong: (socket, data) => void socket.send(`pong ${data.toString()}`),
      close: (_socket, code, reason) => void closes.push({ code, reason }),
    },
  });
  base = (await doors.expose(echo.port ?? 0)).path.replace("http:", "ws:");
});

afterAll(async () => {
  await doors.close();
  await echo.stop(true);
  for (const close of closers) close();
});

interface Client {
  socket: WebSocket;
  messages: (string | Uint8Array)[];
  next(count?: number): Promise<void>;
  closed: Promise<{ code: number; reason: string }>;
}

async function connect(address: string, options: object = {}): Promise<Client> {
  const socket = new WebSocket(address, options);
  socket.binaryType = "arraybuffer";
  const messages: (string | Uint8Array)[] = [];
  socket.addEventListener("message", ({ data }) => {
    messages.push(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("refused")));
  });
  return { socket, messages, closed, next: (count = 1) => until("a message", () => messages.length >= count) };
}

test("text, binary messages and the subprotocol pass [port.websocket]", async () => {
  const client = await connect(`${base}/`, { protocols: ["first", "second"] });
  expect(client.socket.protocol).toBe("second");
  const binary = new Uint8Array(3 * MIB).map((_, i) => i % 251);
  client.socket.send("é");
  client.socket.send(binary);
  client.socket.send("");
  await client.next(3);
  expect(client.messages).toEqual(["é", binary, ""]);
  client.socket.close(4002, "done");
  await until("the application hears of it", () =>
    closes.some(({ code, reason }) => code === 4002 && reason === "done"),
  );
});

test("the application sees a page of localhost, and its first words are not lost [port.headers]", async () => {
  const headers = { "x-greet": "1", origin: new URL(base).origin.replace("ws", "http"), cookie: "secret=1" };
  const client = await connect(`${base}/path`, { headers });
  await client.next();
  const seen = JSON.parse(client.messages[0] as string) as Record<string, string>;
  const own = `localhost:${echo.port}`;
  expect([seen["host"], seen["origin"], seen["cookie"]]).toEqual([own, `http://${own}`, undefined]);
  client.socket.close();
});

test("the application's close code and reason arrive, and its pings are answered [port.websocket]", async () => {
  const client = await connect(`${base}/`);
  client.socket.send("ping");
  await client.next();
  expect(client.messages).toEqual(["pong are you there"]);
  client.socket.send("close");
  expect(await client.closed).toEqual({ code: 4001, reason: "as asked" });
});

test("a refused handshake is refused with the application's status [port.websocket]", async () => {
  const headers = { upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" };
  const key = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const http = base.replace("ws:", "http:");
  expect((await fetch(`${http}/forbidden`, { headers: { ...headers, ...key } })).status).toBe(403);
  const wrong = http.replace(/[0-9a-f]{40}/, "0".repeat(40));
  expect((await fetch(`${wrong}/`, { headers: { ...headers, ...key } })).status).toBe(404);
  expect(connect(`${base}/forbidden`)).rejects.toThrow("refused");
});

test("a message over 16 MiB ends the connection with 1009, in either direction [port.limits]", async () => {
  const down = await connect(`${base}/`);
  down.socket.send("huge");
  expect((await down.closed).code).toBe(1009);
  const up = await connect(`${base}/`);
  up.socket.send(new Uint8Array(17 * MIB));
  expect([1006, 1009]).toContain((await up.closed).code);
});

test("a flood of messages arrives whole and in order [port.websocket]", async () => {
  const client = await connect(`${base}/`);
  client.socket.send("flood");
  await client.next(200);
  expect(client.messages.map((message) => [message.length, message[0]])).toEqual(
    Array.from({ length: 200 }, (_, i) => [MIB / 4, i]),
  );
  client.socket.close();
});

test("a client that goes away without a word closes the application's side [port.websocket]", async () => {
  const before = closes.length;
  const client = await connect(`${base}/`);
  client.socket.terminate();
  await until("the application hears of it", () => closes.length > before);
});

/** An application that answers the handshake and then does as it likes. */
async function upgraded(act: (socket: Socket) => void): Promise<string> {
  const app = await program((socket) =>
    socket.once("data", (bytes) => {
      const key = /sec-websocket-key: (\S+)/i.exec(bytes.toString())?.[1] ?? "";
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      const head = `upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}`;
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\n\r\n`);
      act(socket);
    }),
  );
  closers.push(app.close);
  return `${(await doors.expose(app.port)).path.replace("http:", "ws:")}/`;
}

const EMPTY_PIECES = Buffer.alloc(65_536);

const HOSTILE: Record<string, (socket: Socket) => void> = {
  "a frame of 2^63 bytes": (socket) => socket.write(Buffer.from([0x82, 0x7f, 0x7f, ...Array<number>(7).fill(0xff)])),
  "reserved bits": (socket) => socket.write(Buffer.from([0xf2, 0x00])),
  "text that is no UTF-8": (socket) => socket.write(Buffer.from([0x81, 0x02, 0xc3, 0x28])),
  "a control frame in pieces": (socket) => socket.write(Buffer.from([0x09, 0x00])),
  "a close code nobody may send": (socket) => socket.write(Buffer.from([0x88, 0x02, 0x03, 0xee])),
  "no WebSocket at all": (socket) => socket.write("HTTP/1.1 200 OK\r\n\r\n"),
  "a message of endless empty pieces": (socket) => {
    socket.write(Buffer.from([0x02, 0x00]));
    endlessly(socket, EMPTY_PIECES);
  },
  "nothing and ends": (socket) => socket.end(),
};

for (const [what, act] of Object.entries(HOSTILE)) {
  test(`an application that sends ${what} loses its connection and nothing else [port.hostile]`, async () => {
    const before = process.memoryUsage.rss();
    const client = await connect(await upgraded(act));
    expect((await client.closed).code).toBeGreaterThan(1000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * MIB);
    const fine = await connect(`${base}/`);
    fine.socket.send("still here");
    await fine.next();
    fine.socket.close();
  });
}

test("no subprotocol is agreed on where the application chose none [port.websocket]", async () => {
  const address = (await upgraded(() => {})).replace("ws:", "http:");
  const handshake = { upgrade: "websocket", connection: "Upgrade", "sec-websocket-version": "13" };
  const more = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-protocol": "offered" };
  const asked = http.request(address, { headers: { ...handshake, ...more } }).end();
  const answer = await new Promise<http.IncomingMessage>((resolve) => asked.once("upgrade", resolve));
  expect([answer.statusCode, answer.headers["sec-websocket-protocol"]]).toEqual([101, undefined]);
  answer.socket.destroy();
});

test("pings without end are answered without filling memory [port.hostile]", async () => {
  const ping = Buffer.from([0x89, 0x01, 0x61]);
  const flood = Buffer.concat(Array.from({ length: 10_000 }, () => ping));
  const before = process.memoryUsage.rss();
  const client = await connect(await upgraded((socket) => (socket.pause(), endlessly(socket, flood))));
  await Promise.race([client.closed, Bun.sleep(1_500)]);
  expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MIB);
  client.socket.terminate();
});

test("what a client sends to an application that does not read is bounded [port.hostile]", async () => {
  const client = await connect(await upgraded((socket) => void socket.pause()));
  const message = new Uint8Array(MIB);
  for (let i = 0; i < 64 && client.socket.readyState === WebSocket.OPEN; i++) {
    client.socket.send(message);
    await Bun.sleep(5);
  }
  expect((await client.closed).code).toBe(1013);
});
