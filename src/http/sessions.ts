/** The MCP sessions of the HTTP transport. */
import { randomUUID } from "node:crypto";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { RequestId } from "@modelcontextprotocol/sdk/types.js";
import type { Log } from "../log.ts";
import { createLegacyServer } from "../mcp/legacy.ts";
import type { Offer } from "../mcp/offer.ts";
import { CANCELLED, RecentEvents } from "./events.ts";

export interface Session {
  id: string;
  principal: string;
  transport: WebStandardStreamableHTTPServerTransport;
  events: RecentEvents;
  /** Requests without an answer so far. */
  requests: Set<RequestId>;
  /** Open streams of the client's own: it is there, however silent. */
  streams: number;
  lastSeenAt: number;
}

export interface SessionsOptions {
  offer: Offer;
  limit: number;
  /** Milliseconds without a request after which a session ends. */
  idleMs: number;
  log: Log;
  /** Whether a session has a command running: it is not idle then, however long nothing is heard of it. */
  isBusy(session: string): boolean;
  /** Called when a session has ended, whatever the reason. */
  onEnded(session: string): Promise<void>;
}

/** After so many milliseconds a client whose stream was cut should ask for the rest. */
const RETRY_MS = 1_000;
/** Many clients never end their sessions; after so long without a sign, one makes room where the server is full. */
const ABANDONED_MS = 60_000;

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

  /**
   * A new session that waits for its `initialize`. Where there are as many as allowed, it takes the place of the one
   * that was silent longest, if that one was silent for a minute, runs nothing and has no stream open.
   *
   * @returns undefined where there is no room
   */
  async open(principal: string, now = Date.now()): Promise<Session | undefined> {
    if (this.#sessions.size >= this.#options.limit) this.#makeRoom(now);
    if (this.#sessions.size >= this.#options.limit) return undefined;
    const session = this.#create(randomUUID(), principal);
    const { id, transport } = session;
    this.#sessions.set(id, session);
    const onCancelled = (request: RequestId) => release(transport, request);
    const server = createLegacyServer({ principal, session: id }, this.#options.offer, { onCancelled });
    server.onerror = (error) => this.#options.log.debug(`session ${id}: ${error.message}`);
    await server.connect(transport);
    return session;
  }

  #create(id: string, principal: string): Session {
    const requests = new Set<RequestId>();
    const events = new RecentEvents((request) => {
      requests.delete(request);
      session.lastSeenAt = Date.now();
    });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      eventStore: events,
      retryInterval: RETRY_MS,
      onsessionclosed: () => this.end(id),
    });
    const session = { id, principal, transport, events, requests, streams: 0, lastSeenAt: Date.now() };
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
      (session) => !this.#isBusy(session) && now - session.lastSeenAt >= this.#options.idleMs,
    );
    await Promise.allSettled(idle.map((session) => this.end(session.id)));
  }

  async close(): Promise<void> {
    clearInterval(this.#idleCheck);
    await Promise.allSettled([...this.#sessions.keys()].map((id) => this.end(id)));
  }

  #isBusy({ id, requests }: Session): boolean {
    return requests.size > 0 || this.#options.isBusy(id);
  }

  #makeRoom(now: number): void {
    const abandoned = [...this.#sessions.values()]
      .filter((session) => now - session.lastSeenAt >= ABANDONED_MS && session.streams === 0 && !this.#isBusy(session))
      .reduce<Session | undefined>(
        (oldest, session) => (oldest && oldest.lastSeenAt <= session.lastSeenAt ? oldest : session),
        undefined,
      );
    if (!abandoned) return;
    this.#options.log.info(`session ${abandoned.id} was silent and makes room for another`);
    // Its place is free at once; its sandbox goes meanwhile.
    void this.end(abandoned.id).catch((error: unknown) => this.#options.log.warn(String(error)));
  }
}

/**
 * Closes what the transport holds for a cancelled request. The SDK sends no answer then, leaves the stream open with
 * keep-alives for ever and never forgets the request; an answer after the stream's end releases all of it unsent.
 */
function release(transport: WebStandardStreamableHTTPServerTransport, request: RequestId): void {
  transport.closeSSEStream(request);
  const error = { code: CANCELLED, message: "cancelled" };
  // Without resumability the transport complains that nobody hears the answer.
  transport.send({ jsonrpc: "2.0", id: request, error }).catch(() => {});
}
