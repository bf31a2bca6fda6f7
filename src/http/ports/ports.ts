/** Requests to exposed ports, carried into sandboxes: HTTP here, WebSocket in ports-websocket.ts. */
import http from "node:http";
import type { Duplex } from "node:stream";
import { PodexecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { ExposedPort, Ports } from "../../sandbox/ports.ts";
import { checkHost, type GatePolicy } from "../gates.ts";
import { portAddress, type PortAddress } from "./address.ts";
import { requestHeaders, responseHeaders, type RequestRules } from "./headers.ts";
import { failurePage } from "./page.ts";
import { openDuplex } from "./stream.ts";

export interface PortHandlerOptions {
  ports: Ports;
  policy: GatePolicy;
  log: Log;
}

const MAX_HEADERS = 64 * 1024;
/** Bun holds back the headers until the first byte, and the first event may be long in coming. */
const COMMENT = new TextEncoder().encode(":\n\n");
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * Answers requests to exposed ports. Their address is a capability: who knows it may use it, and no token is asked for.
 *
 * @returns a function that never throws
 */
export function createPortHandler(options: PortHandlerOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await answer(request, options);
    } catch (thrown) {
      options.log.debug(`an exposed port did not answer: ${String(thrown)}`);
      return failurePage(thrown, request);
    }
  };
}

/** What a request's address stands for. @throws PodexecError REFUSED for a wrong Host, PORT_UNKNOWN */
export function findPort(request: Request, { ports, policy }: PortHandlerOptions) {
  const address = portAddress(request);
  const refusal = address && checkHost(withHost(address), policy);
  if (refusal) throw new PodexecError("REFUSED", refusal.message);
  const exposed = address && ports.find(address.token);
  if (!exposed) {
    throw new PodexecError("PORT_UNKNOWN", "no port is exposed under this address", {
      hint: "port_expose exposes it, under the same address as before.",
    });
  }
  const rules: RequestRules = { address, port: exposed.port, token: policy.token };
  return { exposed, rules };
}

async function answer(request: Request, options: PortHandlerOptions): Promise<Response> {
  const { exposed, rules } = findPort(request, options);
  const { prefix, path } = rules.address;
  if (path === "") return new Response(null, { status: 308, headers: { Location: `${prefix}/` } });
  const stream = await openDuplex((handlers) => exposed.connect(handlers), request.signal);
  try {
    return toResponse(await send(request, stream, rules), request, rules);
  } catch (cause) {
    stream.destroy();
    if (cause instanceof PodexecError) throw cause;
    throw notHttp(exposed, cause);
  }
}

/** Sends the request; its body goes on while the response comes. */
function send(request: Request, stream: Duplex, rules: RequestRules): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({
      method: request.method,
      path: rules.address.path,
      headers: requestHeaders(request, rules),
      agent: new OneStream(stream),
      maxHeaderSize: MAX_HEADERS,
    });
    outgoing.once("response", resolve);
    outgoing.once("upgrade", () => reject(new Error("it changed the protocol without being asked")));
    outgoing.on("error", reject);
    stream.once("close", () => reject(new Error("it closed the connection without an answer")));
    void sendBody(request, outgoing).catch(reject);
  });
}

async function sendBody(request: Request, outgoing: http.ClientRequest): Promise<void> {
  for await (const chunk of request.body ?? []) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await drained(outgoing);
  }
  outgoing.end();
}

function drained(outgoing: http.ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}

function toResponse(incoming: http.IncomingMessage, request: Request, rules: RequestRules): Response {
  const status = incoming.statusCode ?? 0;
  const headers = responseHeaders(incoming.rawHeaders, rules);
  const hasBody = request.method !== "HEAD" && !WITHOUT_BODY.has(status);
  const isEvents = headers.get("content-type")?.startsWith("text/event-stream") && !headers.has("content-encoding");
  return new Response(hasBody ? bodyOf(incoming, isEvents ? COMMENT : undefined) : null, { status, headers });
}

/** Chunk by chunk as the client takes them. */
function bodyOf(incoming: http.IncomingMessage, first?: Uint8Array): ReadableStream<Uint8Array> {
  const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return new ReadableStream(
    {
      start: (controller) => first && controller.enqueue(first),
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch {
          // The client's connection breaks off, as the application's did. Bun would write a reason to stderr.
          controller.error();
        }
      },
      cancel: () => void incoming.destroy(),
    },
    { highWaterMark: 0 },
  );
}

/** An agent of node:http with nothing to choose from. */
class OneStream extends http.Agent {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    super({ keepAlive: false, maxSockets: 1 });
    this.#stream = stream;
  }

  override createConnection(): Duplex {
    return this.#stream;
  }
}

function withHost({ host }: PortAddress): Request {
  return new Request("http://localhost/", { headers: { host } });
}

function notHttp({ port }: ExposedPort, cause: unknown): PodexecError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PodexecError("PORT_CLOSED", `what listens on port ${port} did not answer as HTTP: ${why}`, { cause });
}
