/** The HTTP side of podexec in this process, put together as `serve` does it, over sandboxes that are plain processes. */
import { randomBytes } from "node:crypto";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { createApp } from "../../src/http/app.ts";
import type { GatePolicy } from "../../src/http/gates.ts";
import { ModernEndpoint } from "../../src/http/modern.ts";
import { Sessions } from "../../src/http/sessions.ts";
import { createOffer } from "../../src/mcp/offer.ts";
import type { Selection } from "../../src/mcp/selection.ts";
import { serveStdio } from "../../src/mcp/stdio.ts";
import type { PodmanManager } from "../../src/podman/manage/manager.ts";
import type { Engine } from "../../src/sandbox/engine.ts";
import { Notes } from "../../src/sandbox/note.ts";
import { Pool } from "../../src/sandbox/owners/pool.ts";
import { Ports } from "../../src/sandbox/ports.ts";
import { Registry } from "../../src/sandbox/owners/registry.ts";
import { Sandbox } from "../../src/sandbox/sandbox.ts";
import { createLog } from "../../src/log.ts";
import { HostEngine } from "./host-engine.ts";

export const URL_OF_MCP = "http://localhost:8000/mcp";
export const VERSION = "2025-11-25";

const quiet = createLog("silent");
const spec = {
  image: "host",
  network: "none",
  memory: 1,
  cpus: 1,
  pids: 1,
  env: {},
  leaseMs: 30_000,
} as const;

export interface AppChanges {
  engine?: Engine;
  limit?: number;
  idleMs?: number;
  /** Default: a sandbox goes with its session. */
  lingerMs?: number;
  pool?: number;
  outputBytes?: number;
  policy?: Partial<GatePolicy>;
  /** The host's containers; default: that toolset is off. */
  podman?: PodmanManager;
  selection?: Selection;
}

/** Pool and registry over an engine, as in `serve`. */
export function services(engine: Engine, changes: AppChanges = {}) {
  const { limit = 64, idleMs = 60_000, lingerMs = 0 } = changes;
  const notes = new Notes(randomBytes(32));
  const create = (stop?: AbortSignal) => Sandbox.create(engine, spec, stop);
  const pool = new Pool({ size: changes.pool ?? 0, create, log: quiet });
  const lives = { idleMs, lingerMs, lifetimeMs: 3_600_000 };
  const limits = { limit, limitPerPrincipal: limit };
  const take = () => pool.take();
  const registry = new Registry({ engine, notes, take, make: () => create(), ...limits, ...lives, log: quiet });
  const place = async () => ({ host: "localhost", port: 8000 });
  const ports = new Ports({ derive: (words) => notes.derive(words), place });
  const commands = { timeoutMs: 60_000, outputBytes: changes.outputBytes ?? 262_144 };
  const close = async () => void (await Promise.allSettled([registry.close(), pool.close()]));
  const { podman, selection } = changes;
  const parts = { registry, limits: commands, ports, ...(podman ? { podman } : {}) };
  const offer = createOffer({ version: "0", services: parts, ...(selection ? { selection } : {}), log: quiet });
  return { registry, pool, ports, offer, close };
}

/** The whole HTTP server without its socket. The principal is what `X-Principal` says, `local` by default. */
export function openApp(changes: AppChanges = {}) {
  const host = new HostEngine();
  const { registry, pool, ports, offer, close } = services(changes.engine ?? host, changes);
  const modern = new ModernEndpoint(offer);
  const sessions = new Sessions({
    offer,
    limit: changes.limit ?? 64,
    idleMs: changes.idleMs ?? 60_000,
    log: quiet,
    isBusy: (session) => registry.isBusy(session),
    onEnded: (session) => registry.endSession(session),
  });
  const policy: GatePolicy = {
    hosts: new Set(["localhost", "127.0.0.1", "[::1]"]),
    anyHost: false,
    origins: new Set(["https://trusted.example"]),
    token: undefined,
    bodyLimit: 4 * 1024 * 1024,
    ...changes.policy,
  };
  const principalOf = (request: Request) => request.headers.get("x-principal") ?? "local";
  const fetch = createApp({ policy, sessions, modern, log: quiet, principalOf });
  return {
    host,
    registry,
    pool,
    ports,
    sessions,
    modern,
    fetch,
    async close() {
      await modern.close();
      await sessions.close();
      await close();
      await host.close();
    },
  };
}

export type App = ReturnType<typeof openApp>;

/** A request to the endpoint, by default a POST of `body` as a well-behaved client sends it. */
export function request(
  body?: unknown,
  headers: Record<string, string> = {},
  init: RequestInit & { url?: string } = {},
): Request {
  const { url = URL_OF_MCP, ...rest } = init;
  const all: Record<string, string> = {
    host: "localhost:8000",
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    ...headers,
  };
  const kept = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
  const text = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  return new Request(url, { method: "POST", headers: kept, ...text, ...rest });
}

export function initialize(id: number | string = "init") {
  const clientInfo = { name: "test", version: "0" };
  return {
    jsonrpc: "2.0",
    id,
    method: "initialize",
    params: { protocolVersion: VERSION, capabilities: {}, clientInfo },
  };
}

export function call(id: number | string, args: Record<string, unknown>, meta: Record<string, unknown> = {}) {
  const params = { name: "shell_exec", arguments: args, _meta: meta };
  return { jsonrpc: "2.0", id, method: "tools/call", params };
}

/** The headers of a session's requests. */
export function of(session: string, headers: Record<string, string> = {}): Record<string, string> {
  return { "mcp-session-id": session, "mcp-protocol-version": VERSION, ...headers };
}

/** Opens a session with plain requests. */
export async function begin(app: Pick<App, "fetch">, headers: Record<string, string> = {}): Promise<string> {
  const response = await app.fetch(request(initialize(), headers));
  await response.text();
  const session = response.headers.get("mcp-session-id");
  if (response.status !== 200 || session === null) throw new Error(`initialize: status ${response.status}`);
  const done = { jsonrpc: "2.0", method: "notifications/initialized" };
  await app.fetch(request(done, of(session, headers)));
  return session;
}

export interface Event {
  id: string;
  message: { id?: unknown; method?: string; result?: CallToolResult; error?: { code: number; message: string } };
}

/** The events of a finished stream; the one without a message that begins it is `{message: {}}`. */
export function eventsIn(text: string): Event[] {
  return text
    .split("\n\n")
    .filter((block) => /^(id|event|data):/.test(block))
    .map((block) => {
      const data = /^data: (.+)$/m.exec(block)?.[1];
      return { id: /^id: (.*)$/m.exec(block)?.[1] ?? "", message: data ? JSON.parse(data) : {} };
    });
}

/** What a stream or a body of JSON answers to the request it carries. */
export async function answerOf(response: Response): Promise<Event["message"]> {
  const text = await response.text();
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return JSON.parse(text);
  return eventsIn(text).at(-1)?.message ?? {};
}

/** The SDK's client, connected without a socket. */
export async function connect(app: App): Promise<{ client: Client; transport: StreamableHTTPClientTransport }> {
  const transport = new StreamableHTTPClientTransport(new URL(URL_OF_MCP), {
    fetch: async (url, init) => {
      const plain = new Request(String(url), init);
      plain.headers.set("host", "localhost:8000");
      return app.fetch(plain);
    },
  });
  const client = new Client({ name: "test", version: "0" });
  await client.connect(transport);
  return { client, transport };
}

if (import.meta.main) {
  // `bun mcp-app.ts`: MCP over this process's standard streams, for the tests of stdio.
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());
  const host = new HostEngine();
  const { offer, close } = services(host);
  await serveStdio({ principal: "local", session: "stdio" }, offer, { signal: stop.signal });
  await close();
  await host.close();
  console.error("ended in order");
  process.exit(0);
}
