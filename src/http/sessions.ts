/** The MCP sessions of the HTTP transport. */
import { randomUUID } from "node:crypto";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { Log } from "../log.ts";
import { createMcpServer, type McpOptions } from "../mcp/server.ts";
import { RecentEvents } from "./events.ts";

export interface Session {
  id: string;
  principal: string;
  transport: WebStandardStreamableHTTPServerTransport;
  events: RecentEvents;
  lastSeenAt: number;
}

export interface SessionsOptions {
  mcp: Omit<McpOptions, "onCancelled">;
  limit: number;
  /** Milliseconds without a request after which a session ends. */
  idleMs: number;
  log: Log;
  /** Whether a session has a command running: it is not idle then, however long nothing is heard of it. */
  isBusy(session: string): boolean;
  /** Called when a session has ended, whatever the reason. */
  onEnded(session: string): Promise<void>;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #idleCheck: ReturnType<typeof setInterval>;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#idleCheck = setInterval(() => void this.endIdle(), Math.min(options.idleMs / 4, 30_000));
    (this.#idleCheck as { unref?: () => void }).unref?.();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The session of that id, if it is this principal's; one of somebody else is as unknown as one that never was. */
  find(id: string, principal: string): Session | undefined {
    const session = this.#sessions.get(id);
    return session?.principal === principal ? session : undefined;
  }

  /** A new session that waits for its `initialize`; undefined where there are as many as allowed. */
  async open(principal: string): Promise<Session | undefined> {
    if (this.#sessions.size >= this.#options.limit) return undefined;
    const id = randomUUID();
    const events = new RecentEvents();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      eventStore: events,
      onsessionclosed: () => this.end(id),
    });
    const session = { id, principal, transport, events, lastSeenAt: Date.now() };
    this.#sessions.set(id, session);
    const server = createMcpServer(
      { principal, session: id },
      // The SDK leaves the stream of a cancelled call open, with keep-alives for ever.
      { ...this.#options.mcp, onCancelled: (request) => transport.closeSSEStream(request) },
    );
    server.onerror = (error) => this.#options.log.debug(`session ${id}: ${error.message}`);
    await server.connect(transport);
    return session;
  }

  /** Ends a session: aborts what it runs and closes its streams. */
  async end(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    if (!session) return;
    this.#sessions.delete(id);
    await session.transport.close();
    await this.#options.onEnded(id);
  }

  /** Ends the sessions that nothing was heard of for the idle time. */
  async endIdle(now = Date.now()): Promise<void> {
    const idle = [...this.#sessions.values()].filter(
      (session) => !this.#options.isBusy(session.id) && now - session.lastSeenAt >= this.#options.idleMs,
    );
    await Promise.allSettled(idle.map((session) => this.end(session.id)));
  }

  async close(): Promise<void> {
    clearInterval(this.#idleCheck);
    await Promise.allSettled([...this.#sessions.keys()].map((id) => this.end(id)));
  }
}
