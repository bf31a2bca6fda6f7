/** Exposed ports of a real agent behind a real listener, and programs to expose. */
import { createHash } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { createPortHandler } from "../../src/http/ports/ports.ts";
import { createPortUpgrade } from "../../src/http/ports/websocket.ts";
import type { GatePolicy } from "../../src/http/gates.ts";
import { createLog } from "../../src/log.ts";
import { listen } from "../../src/runtime.ts";
import { Ports, type PortsOptions } from "../../src/sandbox/ports.ts";
import { Sandbox } from "../../src/sandbox/sandbox.ts";
import { HostEngine } from "./host-engine.ts";

export const policy: GatePolicy = {
  hosts: new Set(["localhost", "127.0.0.1"]),
  anyHost: false,
  origins: new Set(),
  token: "the-server's-own-token",
  bodyLimit: 1024,
};

const spec = { image: "host", network: "none", memory: 1, cpus: 1, pids: 1, env: {}, leaseMs: 30_000 } as const;

export interface Doors {
  sandbox: Sandbox;
  ports: Ports;
  /** Where a port is reachable, without the last slash. */
  expose(port: number): Promise<{ url: string; path: string; token: string }>;
  close(): Promise<void>;
}

/**
 * A listener for the ports of a sandbox.
 *
 * @param given default: one that is a plain process, so that its 127.0.0.1 is this host's
 */
export async function openDoors(changes: Partial<PortsOptions> = {}, given?: Sandbox): Promise<Doors> {
  const engine = new HostEngine();
  const sandbox = given ?? (await Sandbox.create(engine, spec));
  const place = Promise.withResolvers<{ host: string; port: number }>();
  const derive = (words: string) => createHash("sha256").update(words).digest();
  const ports = new Ports({ derive, place: () => place.promise, ...changes });
  const options = { ports, policy, log: createLog("silent") };
  const fetch = createPortHandler(options);
  const listener = listen({ hostname: "127.0.0.1", port: 0, fetch, upgrade: createPortUpgrade(options) });
  place.resolve({ host: "127.0.0.1", port: listener.port });
  return {
    sandbox,
    ports,
    async expose(port) {
      const exposed = ports.expose(sandbox, port);
      const { url, pathUrl } = await ports.urlsOf(exposed);
      return { url: url.slice(0, -1), path: pathUrl.slice(0, -1), token: exposed.token };
    },
    async close() {
      await listener.stop();
      await sandbox.remove();
      await engine.close();
    },
  };
}

interface Program {
  port: number;
  /** Connections that are open now. */
  connections(): number;
  close(): void;
}

/** An application that speaks HTTP. */
export async function application(handler: http.RequestListener): Promise<Program> {
  return started(http.createServer(handler));
}

/** One that speaks whatever it wants. */
export async function program(onConnection: (socket: net.Socket) => void): Promise<Program> {
  return started(
    net.createServer((socket) => {
      socket.on("error", () => {});
      onConnection(socket);
    }),
  );
}

/** Writes the same until nobody is there to read it. */
export function endlessly(socket: net.Socket, bytes: Uint8Array | string): void {
  const more = () => {
    let hasRoom = true;
    while (hasRoom && !socket.destroyed) hasRoom = socket.write(bytes);
    if (!socket.destroyed) socket.once("drain", more);
  };
  more();
}

/** A port on which nothing listens. */
export async function unusedPort(): Promise<number> {
  const { port, close } = await program(() => {});
  close();
  return port;
}

async function started(server: net.Server): Promise<Program> {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, connections: () => sockets.size, close };
}

/** A request by its address alone: fetch resolves names below `localhost` nowhere but in browsers. */
export function get(url: string, init: RequestInit = {}): Promise<Response> {
  const { hostname, host, port, pathname, search } = new URL(url);
  const headers = new Headers(init.headers);
  headers.set("host", hostname === "127.0.0.1" && headers.has("host") ? (headers.get("host") ?? "") : host);
  return fetch(`http://127.0.0.1:${port}${pathname}${search}`, { redirect: "manual", ...init, headers });
}
