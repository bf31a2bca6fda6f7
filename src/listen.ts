/** An HTTP server of Bun or of Deno behind one interface; runtime.ts says which of them this is. */

export interface ListenOptions {
  hostname: string;
  /** 0 chooses a free port. */
  port: number;
  fetch(request: Request): Promise<Response> | Response;
  /**
   * Asked first about every request that wants a WebSocket. A target accepts it, a response refuses it, and undefined
   * leaves it to `fetch`. Host, Origin and whoever calls are to be judged here: nobody else does.
   */
  upgrade?(request: Request): Promise<WebSocketTarget | Response | undefined>;
}

export interface Listener {
  port: number;
  /** Closes the listener and every connection. */
  stop(): Promise<void>;
}

/** The other end of a WebSocket that was accepted. */
export interface WebSocketPeer {
  /** Takes the message whole; false asks to wait for `onDrain` before more is sent. */
  send(message: string | Uint8Array): boolean;
  /** @param code 1000 or 3000 to 4999 and what RFC 6455 lets one send; at most 123 bytes of reason */
  close(code?: number, reason?: string): void;
  /** Ends it without a word: the other end sees 1006. */
  terminate(): void;
}

/** What a WebSocket is accepted for. Nothing is called after `onClose`, which is called once. */
export interface WebSocketTarget {
  /** The subprotocol, one of those offered; empty, the default: none. */
  readonly protocol?: string;
  /** Bytes of one message, at most 16 MiB, which is the default; a longer one ends the connection with 1009. */
  readonly maxBytes?: number;
  onOpen(peer: WebSocketPeer): void;
  onMessage(message: string | Uint8Array): void;
  onDrain?(): void;
  onClose(code: number, reason: string): void;
}

type Handler = (request: Request) => Promise<Response> | Response;

interface BunSocket {
  data: WebSocketTarget;
  send(message: string | Uint8Array): number;
  close(code?: number, reason?: string): void;
  terminate(): void;
}

interface BunServer {
  port: number;
  stop(closeActive: boolean): Promise<void>;
  upgrade(request: Request, options: { data: WebSocketTarget; headers: Record<string, string> }): boolean;
  /** @param seconds without a byte after which the request's connection is closed; 0: never */
  timeout(request: Request, seconds: number): void;
}

export interface BunServing {
  serve(options: object): BunServer;
}

interface DenoSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(message: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  onopen: () => void;
  onmessage: (event: { data: string | ArrayBuffer }) => void;
  onclose: (event: { code: number; reason: string }) => void;
  onerror: () => void;
}

export interface DenoServing {
  serve(options: object, handler: Handler): { addr: { port: number }; shutdown(): Promise<void> };
  upgradeWebSocket(
    request: Request,
    options: { protocol?: string; idleTimeout: number },
  ): { socket: DenoSocket; response: Response };
}

const MAX_MESSAGE = 16 * 1024 * 1024;
const IDLE_SECONDS = 120;
/** Without a byte, until there is a request. */
const HEAD_SECONDS = 10;
const TOO_LARGE = 1009;
const OPEN = 1;
/** What may wait in Deno, which tells nobody when it has been sent. */
const DENO_ROOM = 1024 * 1024;
const DENO_LOOK_MS = 20;

/** Serves with Bun.serve. */
export function listenBun(bun: BunServing, options: ListenOptions): Listener {
  const server = bun.serve({
    hostname: options.hostname,
    port: options.port,
    idleTimeout: HEAD_SECONDS,
    async fetch(request: Request): Promise<Response | undefined> {
      // Answers may be silent for long: event streams are.
      server.timeout(request, 0);
      const target = await targetOf(request, options);
      if (target === undefined) return options.fetch(request);
      if (target instanceof Response) return target;
      // Bun echoes the first protocol that is offered unless it is told one.
      const headers: Record<string, string> = target.protocol ? { "Sec-WebSocket-Protocol": target.protocol } : {};
      if (server.upgrade(withoutOffer(request, target), { data: target, headers })) return undefined;
      target.onClose(1006, "");
      return new Response("a WebSocket handshake is needed\n", { status: 426, headers: { Upgrade: "websocket" } });
    },
    websocket: {
      maxPayloadLength: MAX_MESSAGE,
      backpressureLimit: MAX_MESSAGE,
      idleTimeout: IDLE_SECONDS,
      sendPings: true,
      open: (socket: BunSocket) => socket.data.onOpen(bunPeer(socket)),
      message(socket: BunSocket, message: string | Uint8Array) {
        if (isTooLarge(message, socket.data)) socket.close(TOO_LARGE, "message too large");
        else socket.data.onMessage(message);
      },
      drain: (socket: BunSocket) => socket.data.onDrain?.(),
      close: (socket: BunSocket, code: number, reason: string) => socket.data.onClose(code, reason),
    },
  });
  return { port: server.port, stop: () => server.stop(true) };
}

/** Serves with Deno.serve. */
export function listenDeno(deno: DenoServing, options: ListenOptions): Listener {
  const closing = new AbortController();
  const { hostname, port } = options;
  const server = deno.serve({ hostname, port, signal: closing.signal, onListen: () => {} }, async (request) => {
    const target = await targetOf(request, options);
    if (target === undefined) return options.fetch(request);
    return target instanceof Response ? target : upgradeDeno(deno, request, target);
  });
  return { port: server.addr.port, stop: () => Promise.resolve(closing.abort()) };
}

async function targetOf(request: Request, options: ListenOptions): Promise<WebSocketTarget | Response | undefined> {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return undefined;
  return options.upgrade?.(request);
}

function withoutOffer(request: Request, target: WebSocketTarget): Request {
  if (!target.protocol) request.headers.delete("sec-websocket-protocol");
  return request;
}

function isTooLarge(message: string | Uint8Array, { maxBytes = MAX_MESSAGE }: WebSocketTarget): boolean {
  return message.length > maxBytes || (typeof message === "string" && Buffer.byteLength(message) > maxBytes);
}

function bunPeer(socket: BunSocket): WebSocketPeer {
  return {
    send(message) {
      const sent = socket.send(message);
      // 0: dropped, because more waits than may. A message that is missing must not go unnoticed.
      if (sent === 0 && message.length > 0) socket.terminate();
      return sent >= 0;
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}

function upgradeDeno(deno: DenoServing, request: Request, target: WebSocketTarget): Response {
  const protocol = target.protocol ? { protocol: target.protocol } : {};
  const { socket, response } = deno.upgradeWebSocket(request, { ...protocol, idleTimeout: IDLE_SECONDS });
  socket.binaryType = "arraybuffer";
  socket.onopen = () => target.onOpen(denoPeer(socket, target));
  socket.onmessage = ({ data }) => {
    const message = typeof data === "string" ? data : new Uint8Array(data);
    if (isTooLarge(message, target)) socket.close(TOO_LARGE, "message too large");
    else target.onMessage(message);
  };
  // An error is followed by `close`.
  socket.onerror = () => {};
  socket.onclose = ({ code, reason }) => target.onClose(code, reason);
  return response;
}

function denoPeer(socket: DenoSocket, target: WebSocketTarget): WebSocketPeer {
  let looking: ReturnType<typeof setInterval> | undefined;
  const look = () => {
    if (socket.readyState === OPEN && socket.bufferedAmount >= DENO_ROOM) return;
    clearInterval(looking);
    looking = undefined;
    if (socket.readyState === OPEN) target.onDrain?.();
  };
  return {
    send(message) {
      if (socket.readyState === OPEN) socket.send(message);
      if (socket.bufferedAmount < DENO_ROOM) return true;
      looking ??= setInterval(look, DENO_LOOK_MS);
      return false;
    },
    close: (code, reason) => socket.close(code, reason),
    // Deno has no way to drop a connection without a word.
    terminate: () => socket.close(1011, "the connection was lost"),
  };
}
