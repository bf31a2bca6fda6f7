/** A command's output as it is told: the head and the tail within a bound, the count exact. */

import { ProtocolError } from "./frames-wire.ts";

/** A sandbox may push a byte at a time; so many pieces are joined, lest each take far more memory than it holds. */
const MAX_PIECES = 512;

/** Collects pushed pieces of output, never more than head + tail bytes whatever the agent sends. */
export class OutputCollector {
  #pieces: { offset: number; bytes: Uint8Array }[] = [];
  readonly #limit: number;
  #held = 0;
  #end = 0;

  /** @param limit bytes that are held at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of output known so far. */
  get end(): number {
    return this.#end;
  }

  /** Takes a piece. Pieces come in order; one that overlaps or is too much is cut. */
  push(offset: number, bytes: Uint8Array): void {
    const known = Math.max(0, this.#end - offset);
    const piece = bytes.subarray(known, known + Math.max(0, this.#limit - this.#held));
    if (piece.length === 0) return;
    // The bytes are a view of the connection's buffer, which is used again.
    this.#pieces.push({ offset: offset + known, bytes: piece.slice() });
    this.#held += piece.length;
    this.#end = offset + known + piece.length;
    if (this.#pieces.length >= MAX_PIECES) this.#join();
  }

  /** @throws ProtocolError where there is little to join: an agent leaves out one middle, not one after each byte */
  #join(): void {
    this.#pieces = joinAdjacent(this.#pieces);
    if (this.#pieces.length > MAX_PIECES / 2) throw new ProtocolError("OUTPUT has too many gaps");
  }

  /**
   * The whole as text.
   *
   * @param total bytes of output in all
   * @param file where the whole lies, for the note in place of what is left out
   * @returns the text and whether anything is left out; invalid UTF-8 is replaced by U+FFFD
   */
  render(total: number, file?: string): { text: string; truncated: boolean } {
    const parts: string[] = [];
    let position = 0;
    let truncated = false;
    const leaveOut = (count: number) => {
      truncated = true;
      parts.push(gapNote(count, file));
    };
    for (const run of joinAdjacent(this.#pieces)) {
      if (run.offset > position) leaveOut(run.offset - position);
      parts.push(decodeCut(run.bytes, run.offset > 0, run.offset + run.bytes.length < total));
      position = run.offset + run.bytes.length;
    }
    if (position < total) leaveOut(total - position);
    return { text: parts.join(""), truncated };
  }
}

function gapNote(count: number, file: string | undefined): string {
  return `\n[... ${count} bytes left out${file ? `; the whole output is in ${file}` : ""} ...]\n`;
}

function joinAdjacent(
  pieces: readonly { offset: number; bytes: Uint8Array }[],
): { offset: number; bytes: Uint8Array }[] {
  const runs: { offset: number; parts: Uint8Array[]; end: number }[] = [];
  for (const piece of pieces) {
    const last = runs.at(-1);
    if (last && last.end === piece.offset) {
      last.parts.push(piece.bytes);
      last.end += piece.bytes.length;
    } else {
      runs.push({ offset: piece.offset, parts: [piece.bytes], end: piece.offset + piece.bytes.length });
    }
  }
  return runs.map(({ offset, parts }) => ({ offset, bytes: Buffer.concat(parts) }));
}

/** Decodes bytes that may begin or end in the middle of a character: the torn character is left out there. */
function decodeCut(bytes: Uint8Array, cutBefore: boolean, cutAfter: boolean): string {
  let start = 0;
  let end = bytes.length;
  if (cutBefore) while (start < Math.min(3, end) && isContinuation(bytes[start])) start++;
  if (cutAfter) end = tornEnd(bytes, start);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(start, end));
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** Where the last whole character ends. RFC 3629: the first byte tells how many follow. */
function tornEnd(bytes: Uint8Array, start: number): number {
  for (let back = 1; back <= 3 && bytes.length - back >= start; back++) {
    const byte = bytes[bytes.length - back];
    if (byte === undefined || byte < 0x80) break;
    if (isContinuation(byte)) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
