/** A command's output as the agent keeps it, read in pieces. */
import { ProtocolError } from "../agent/frames-wire.ts";
import type { Link } from "../agent/link.ts";

/** What one DATA frame holds at most. */
const MAX_READ = 262_128;

/** An answer ends early where a kept part does; more often only an agent that means to keep us busy. */
const SPARE_TRIES = 4;

/** Bytes that follow each other. */
export interface Piece {
  /** Above what was asked for where bytes were not kept. */
  at: number;
  bytes: Buffer;
  /** Bytes of output in all, so far. */
  total: number;
}

/**
 * Reads from an offset on, up to a length, up to the end, or up to where bytes were not kept.
 *
 * @throws PodexecError COMMAND_UNKNOWN, SANDBOX_GONE, AGENT_PROTOCOL
 */
export async function readPiece(link: Link, from: number, length: number): Promise<Piece> {
  const first = await link.read(BigInt(from), Math.min(length, MAX_READ));
  const parts = [first.data];
  let held = first.data.length;
  let total = first.total;
  let tries = Math.ceil(length / MAX_READ) + SPARE_TRIES;
  while (held < length && held > 0 && first.offset + held < total && tries-- > 0) {
    const next = await link.read(BigInt(first.offset + held), Math.min(length - held, MAX_READ));
    total = next.total;
    if (next.offset !== first.offset + held || next.data.length === 0) break;
    parts.push(next.data);
    held += next.data.length;
  }
  // Nothing is there where more was asked for than there is: the caller sees it from the total.
  if (held > 0 && first.offset + held > total) throw new ProtocolError("DATA lies beyond the output");
  return { at: first.offset, bytes: Buffer.concat(parts), total };
}

/** Bytes of output so far. @throws PodexecError as `readPiece` */
export async function readTotal(link: Link): Promise<number> {
  return (await link.read(0n, 0)).total;
}
