/** Requests of the 2026-07-28 revision of MCP: no sessions, and the end of a response's stream cancels what runs. */
import { claimsModern } from "../mcp/era.ts";
import type { ModernHttp } from "../mcp/modern.ts";
import type { Offer } from "../mcp/offer.ts";
import { toResponse } from "./gates.ts";
import { openStream } from "./stream.ts";

/** The first revision without sessions; the names of revisions are dates. */
const FIRST_MODERN = "2026-07-28";
const VERSION_HEADER = "mcp-protocol-version";
/** Requests that may be under way at once, streams that listen included. */
const MAX_RUNNING = 1_024;
const FULL = {
  status: 429,
  code: -32000,
  message: `this server has ${MAX_RUNNING} requests running; try again later`,
  headers: { "Retry-After": "1" },
};

/** The answer to any other method: without sessions there is nothing to listen to, to resume or to delete. */
export const ONLY_POST = {
  status: 405,
  code: -32000,
  message: "in this revision of MCP there is POST only",
  headers: { Allow: "POST" },
};

/** Loaded with the first request that needs it: most servers start without ever meeting one. */
const load = () => import("../mcp/modern.ts");

export class ModernEndpoint {
  readonly #offer: Offer;
  #http: Promise<ModernHttp> | undefined;
  #running = 0;

  constructor(offer: Offer) {
    this.#offer = offer;
  }

  /** How many requests are under way. */
  get running(): number {
    return this.#running;
  }

  /** Answers a request that has passed the gates. @param body its body, parsed */
  async handle(request: Request, body: unknown, principal: string): Promise<Response> {
    if (this.#running >= MAX_RUNNING) return toResponse(FULL);
    this.#running++;
    let isStreaming = false;
    try {
      this.#http ??= load().then(({ ModernHttp }) => new ModernHttp(this.#offer));
      const response = await (await this.#http).handle(request, body, principal);
      isStreaming = true;
      return openStream(response, () => this.#running--);
    } finally {
      if (!isStreaming) this.#running--;
    }
  }

  /** Ends what runs; listening clients are told. */
  async close(): Promise<void> {
    await (await this.#http)?.close();
  }
}

/**
 * Whether the 2026-07-28 revision answers a request. Requests of sessions are recognised by a look at two fields.
 *
 * @param body parsed; undefined where it is not JSON
 */
export async function isOfModernEra(request: Request, body: unknown): Promise<boolean> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return false;
  if (!claimsModern(body) && !namesModernVersion(request)) return false;
  return (await load()).isModern(request, body);
}

/** Whether the header of a request names the 2026-07-28 revision or a later one. */
export function namesModernVersion(request: Request): boolean {
  const version = request.headers.get(VERSION_HEADER);
  return version !== null && version >= FIRST_MODERN;
}
