/** A command's output as it is told: the head and the tail within a bound, the count exact. */

import { ProtocolError } from "../agent/frames-wire.ts";
import { Mask, maskedText } from "./mask.ts";
import { isContinuation, wholeCharacters } from "./page.ts";

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
   * @returns the text; whether anything is left out; and how many of the last bytes are held back, for what may follow.
   *   Invalid UTF-8 is replaced by U+FFFD
   */
  render(total: number, options: RenderOptions = {}): { text: string; truncated: boolean; held: number } {
    const { file, mask = new Mask(), isOpen = false } = options;
    const parts: string[] = [];
    let position = 0;
    let truncated = false;
    let held = 0;
    const leaveOut = (count: number) => {
      truncated = true;
      parts.push(gapNote(count, file));
    };
    for (const run of joinAdjacent(this.#pieces)) {
      if (run.offset > position) leaveOut(run.offset - position);
      position = run.offset + run.bytes.length;
      const cut = { before: run.offset > 0, after: position < total };
      held = isOpen && !cut.after ? mask.openEnd(run.bytes) : 0;
      parts.push(decodeCut(run.bytes.subarray(0, run.bytes.length - held), cut, mask));
    }
    if (position < total) leaveOut(total - position);
    return { text: parts.join(""), truncated, held };
  }
}

export interface RenderOptions {
  /** Where the whole lies, for the note in place of what is left out. */
  file?: string;
  /** What is not told. */
  mask?: Mask;
  /** More output may follow. */
  isOpen?: boolean;
}

function gapNote(count: number, file: string | undefined): string {
  return `\n[... ${count} bytes left out${file ? `; the whole output is in ${file}` : ""} ...]\n`;
}

function joinAdjacent(pieces: readonly { offset: number; bytes: Uint8Array }[]): { offset: number; bytes: Buffer }[] {
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

/** Decodes bytes that may begin or end in the middle of a character or a secret: what is torn is left out there. */
function decodeCut(bytes: Buffer, cut: { before: boolean; after: boolean }, mask: Mask): string {
  let start = cut.before ? mask.openStart(bytes) : 0;
  let end = cut.after ? bytes.length - mask.openEnd(bytes) : bytes.length;
  const most = cut.before ? Math.min(start + 3, end) : start;
  while (start < most && isContinuation(bytes[start])) start++;
  if (cut.after) end = wholeCharacters(bytes, { start, end });
  return maskedText(bytes, { start, end: Math.max(start, end) }, mask);
}
