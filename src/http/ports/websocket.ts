// Deno finds an ambient declaration by a reference only.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./websocket-driver.d.ts" />
/** WebSockets to exposed ports: the server is the browser's end here, and a client of the application in the sandbox. */
import type { Duplex } from "node:stream";
import websocket, { type Client } from "websocket-driver";
import { PodexecError } from "../../errors.ts";
import type { WebSocketPeer, WebSocketTarget } from "../../runtime.ts";
import { findPort, type PortHandlerOptions } from "./ports.ts";
import { isPortRequest } from "./address.ts";
import { requestHeaders, type RequestRules } from "./headers.ts";
import { failurePage } from "./page.ts";
import { openDuplex } from "./stream.ts";

/** Bytes of one message, and of what may wait for an application that does not read. */
const MAX_MESSAGE = 16 * 1024 * 1024;
const MAX_WAITING = MAX_MESSAGE + 1024 * 1024;
/** Pieces of one message: each takes memory, however empty it is. */
const MAX_PIECES = 65_536;
const CLOSE_LIMIT_MS = 5_000;
const NORMAL = 1000;
const TRY_AGAIN_LATER = 1013;

/**
 * Accepts WebSockets for exposed ports.
 *
 * @returns a function that never throws, and answers undefined to what is not for a port
 */
export function createPortUpgrade(
  options: PortHandlerOptions,
): (request: Request) => Promise<WebSocketTarget | Response | undefined> {
  return async (request) => {
    if (!isPortRequest(request)) return undefined;
    try {
      return await accept(request, options);
    } catch (thrown) {
      options.log.debug(`an exposed port took no WebSocket: ${String(thrown)}`);
      return failurePage(thrown, request);
    }
  };
}

async function accept(request: Request, options: PortHandlerOptions): Promise<WebSocketTarget | Response> {
  const { exposed, rules } = findPort(request, options);
  // The request's own signal ends with the handshake.
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  request.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const stream = await openDuplex((handlers) => exposed.connect(handlers), stop.signal);
    const client = clientFor(request, rules);
    const bridge = new Bridge(client, stream);
    const status = await handshake(client, stream);
    if (status === 101) return bridge;
    stream.destroy();
    return refusalOf(status, exposed.port);
  } finally {
    request.signal.removeEventListener("abort", onAbort);
  }
}

function clientFor(request: Request, rules: RequestRules): Client {
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  const protocols = offered
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const url = `ws://localhost:${rules.port}${rules.address.path || "/"}`;
  const client = websocket.client(url, { maxLength: MAX_MESSAGE, masking: true, protocols });
  for (const [name, value] of Object.entries(requestHeaders(request, rules))) {
    if (!/^(sec-websocket-.*|host|connection|content-length)$/.test(name)) client.setHeader(name, value);
  }
  return client;
}

/** @returns the status of the answer. @throws PodexecError PORT_CLOSED where the answer is none */
function handshake(client: Client, stream: Duplex): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      stream.destroy();
      reject(new PodexecError("PORT_CLOSED", `what listens on the port took no WebSocket: ${why}`));
    };
    client.io.on("data", (bytes: Uint8Array) => {
      stream.write(bytes);
      // Answers to pings wait too, and an application may send those without reading.
      if (stream.writableLength > MAX_WAITING) stream.destroy();
    });
    client.once("open", () => {
      // What comes before the browser's side is open waits in the stream.
      stream.pause();
      resolve(101);
    });
    client.once("error", (error: Error) => {
      const { statusCode = 0 } = client;
      if (statusCode >= 200) resolve(statusCode);
      else fail(error.message);
    });
    stream.on("data", (bytes: Uint8Array) => feed(client, bytes, fail));
    stream.once("close", () => fail("it closed the connection"));
    stream.on("error", () => {});
    client.start();
  });
}

/** Gives the client what came. Nothing a sandbox sends may throw out of here. */
function feed(client: Client, bytes: Uint8Array, fail: (why: string) => void): void {
  try {
    client.parse(bytes);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  if ((client._message?._chunks.length ?? 0) > MAX_PIECES) fail("a message of too many pieces");
}

function refusalOf(status: number, port: number): Response {
  const text = `what listens on port ${port} refused the WebSocket with status ${status}\n`;
  return new Response(text, { status: status >= 400 && status < 600 ? status : 502 });
}

/** A WebSocket of each side, and what comes from one goes to the other. */
class Bridge implements WebSocketTarget {
  readonly maxBytes = MAX_MESSAGE;
  readonly #client: Client;
  readonly #stream: Duplex;
  /** What came together with the answer to the handshake, before the browser's side is open. */
  #early: (() => void)[] = [];
  #peer: WebSocketPeer | undefined;

  constructor(client: Client, stream: Duplex) {
    this.#client = client;
    this.#stream = stream;
    stream.once("end", () => stream.destroy());
    client.on("message", ({ data }: { data: string | Uint8Array }) => this.#whenOpen(() => this.#send(data)));
    client.once("close", ({ code, reason }: { code: number; reason: string }) => {
      this.#whenOpen(() => this.#closePeer(code, reason));
      stream.end();
      this.#destroyLater();
    });
  }

  /** What was agreed on with the application. */
  get protocol(): string {
    return this.#client.protocol ?? "";
  }

  onOpen(peer: WebSocketPeer): void {
    this.#peer = peer;
    for (const action of this.#early.splice(0)) action();
    this.#stream.once("close", () => this.#peer?.terminate());
    if (this.#stream.destroyed) this.#peer?.terminate();
    else this.#stream.resume();
  }

  onDrain(): void {
    this.#stream.resume();
  }

  onMessage(message: string | Uint8Array): void {
    if (typeof message === "string") this.#client.text(message);
    else this.#client.binary(Buffer.from(message));
    if (this.#stream.writableLength <= MAX_MESSAGE) return;
    this.#peer?.close(TRY_AGAIN_LATER, "the application does not read");
    this.#stream.destroy();
  }

  onClose(code: number, reason: string): void {
    this.#peer = undefined;
    if (code === 1006) return void this.#stream.destroy();
    this.#client.close(reason, code === 1005 ? NORMAL : code);
    this.#stream.resume();
    this.#destroyLater();
  }

  #whenOpen(action: () => void): void {
    if (this.#peer) action();
    else this.#early.push(action);
  }

  #send(message: string | Uint8Array): void {
    if (this.#peer && !this.#peer.send(message)) this.#stream.pause();
  }

  /** Codes that stand for the absence of one cannot be sent: RFC 6455, section 7.4.1. */
  #closePeer(code: number, reason: string): void {
    const peer = this.#peer;
    this.#peer = undefined;
    const isSendable = code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);
    if (isSendable) peer?.close(code, shortened(reason));
    else peer?.terminate();
  }

  #destroyLater(): void {
    const timer = setTimeout(() => this.#stream.destroy(), CLOSE_LIMIT_MS);
    this.#stream.once("close", () => clearTimeout(timer));
  }
}

/** At most 123 bytes: RFC 6455, section 5.5. */
function shortened(reason: string): string {
  return Buffer.byteLength(reason) <= 123 ? reason : reason.slice(0, 30);
}
