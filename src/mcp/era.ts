/** Which era of MCP a message belongs to. */
import type { Message } from "./lane.ts";

/** MCP 2026-07-28: every request says in its envelope which revision it is of. */
const CLAIM = "io.modelcontextprotocol/protocolVersion";

export type Era = "legacy" | "modern";

/** Whether a message carries the envelope of the 2026-07-28 revision or later. */
export function claimsModern(message: unknown): boolean {
  const { params } = (message ?? {}) as { params?: { _meta?: unknown } };
  const meta = params?._meta;
  return typeof meta === "object" && meta !== null && CLAIM in meta;
}

/**
 * Tells for one message after the other of one stdio client which era it is of. The first request decides for all that
 * follow; a `server/discover` does not: a client may ask, and begin with `initialize` then.
 */
export function eraOfClient(): (message: Message) => Era {
  let decided: Era | undefined;
  return (message) => {
    if (decided) return decided;
    const era = claimsModern(message) ? "modern" : "legacy";
    const isRequest = message.method !== undefined && message.id !== undefined;
    if (isRequest && message.method !== "server/discover") decided = era;
    return era;
  };
}
