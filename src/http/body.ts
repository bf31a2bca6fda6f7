import { tooLarge, type Refusal } from "./gates.ts";

/** A body that trickles in holds its connection no longer than this. */
const RECEIVE_LIMIT_MS = 60_000;
const REFUSED = -32000;
const PARSE_ERROR = -32700;

/** A request's body, or why it cannot be had. */
export type Body = { text: string; refusal?: undefined } | { text?: undefined; refusal: Refusal };

/**
 * A request's body as text, within bounds.
 *
 * @param limit bytes
 * @param withinMs milliseconds in which all of it has to come, default 60 s
 */
export async function readBody(
  request: Request,
  { limit, withinMs = RECEIVE_LIMIT_MS }: { limit: number; withinMs?: number },
): Promise<Body> {
  const reader = request.body?.getReader();
  if (!reader) return { text: "" };
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.cancel().catch(() => {});
  }, withinMs);
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      length += read.value.length;
      if (length > limit) return { refusal: tooLarge(limit) };
      chunks.push(read.value);
    }
    return isLate ? { refusal: tooLate(withinMs) } : { text: new TextDecoder().decode(Buffer.concat(chunks)) };
  } catch {
    return { refusal: isLate ? tooLate(withinMs) : BROKEN };
  } finally {
    clearTimeout(timer);
    // What was not read is not wanted any more.
    reader.cancel().catch(() => {});
  }
}

const BROKEN: Refusal = { status: 400, code: PARSE_ERROR, message: "the body did not arrive whole" };

function tooLate(withinMs: number): Refusal {
  const message = `the body did not arrive within ${withinMs / 1000} s`;
  return { status: 408, code: REFUSED, message, headers: { Connection: "close" } };
}
