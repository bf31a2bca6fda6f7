/** Lines that a search has found, whoever searched. */
import type { Fields } from "./wire.ts";
import { ProtocolError } from "../agent/frames-wire.ts";

/** A line that matches, or one of the context of one that does. */
export interface FoundLine {
  /** Relative to the folder that was searched. */
  readonly path: string;
  /** From 1 on. */
  readonly line: number;
  /** Without its end; of a long one the part around the first match. */
  readonly text: string;
  /** Where the first match begins, in bytes from 1 on, as ripgrep counts; undefined: context. */
  readonly column?: number;
  /** What matched, as far as it is shown. */
  readonly matched: readonly string[];
  /** Whether `text` leaves something out at its beginning, at its end. */
  readonly cutBefore: boolean;
  readonly cutAfter: boolean;
}

/** A line as it was found: `bytes` is the part from `skipped` on of a line of `length` bytes. */
export interface RawLine {
  path: string;
  line: number;
  bytes: Uint8Array;
  skipped: number;
  length: number;
  /** Beginning and end of each match, in bytes from the line's beginning; none: context. */
  spans: readonly (readonly [number, number])[];
}

/** What is shown of a line, in bytes; and of that before the first match. */
const MOST_SHOWN = 400;
const LEAD = 100;
const MOST_PATH = 8_192;
/** Characters that are held of all lines. */
const MOST_HELD = 16 * 1024 * 1024;
/** What a line takes besides. */
const LINE_SIZE = 200;
const decoder = new TextDecoder();

/** Collects lines up to a limit of matching ones. */
export class Found {
  readonly lines: FoundLine[] = [];
  matches = 0;
  /** Why not everything was taken: there are more matches than were wanted, or lines than can be held. */
  cut: "limit" | "size" | undefined;
  engine: "ripgrep" | "built-in" | undefined;
  /** Thrown by `add` when nothing more is wanted. */
  readonly enough = new Error("enough was found");
  readonly #limit: number;
  readonly #after: number;
  #held = 0;
  #path = "";

  /** @param limit matching lines at most. @param after lines of context behind a match */
  constructor(limit: number, after = 0) {
    this.#limit = limit;
    this.#after = after;
  }

  /** Adds a line, in the order of files and lines. @throws `enough`, ProtocolError */
  add(raw: RawLine): void {
    const isMatch = raw.spans.length > 0;
    if (isMatch && this.matches >= this.#limit) {
      this.cut = "limit";
      this.#dropContext();
      throw this.enough;
    }
    const line = shown(raw);
    this.#held += LINE_SIZE + line.path.length + 2 * line.text.length;
    if (this.#held > MOST_HELD) {
      this.cut = "size";
      throw this.enough;
    }
    if (isMatch) this.matches++;
    this.lines.push(line);
  }

  /** Takes back the last lines, all of one file. */
  drop(count: number): void {
    for (const line of this.lines.splice(this.lines.length - count)) if (line.column !== undefined) this.matches--;
  }

  /** Takes back what was the context of a match that is not wanted any more. */
  #dropContext(): void {
    const last = this.lines.findLastIndex(({ column }) => column !== undefined);
    const { path, line } = this.lines[last] ?? { path: "", line: 0 };
    const isAfter = (one: FoundLine) => one.path === path && one.line > line && one.line - line <= this.#after;
    while (this.lines.length > last + 1 && !isAfter(this.lines[this.lines.length - 1] as FoundLine)) this.lines.pop();
  }

  /** ITEM of the search that is built into the agent. */
  takeItem(item: Fields): void {
    this.engine = "built-in";
    if (item.has(1)) this.#path = item.text(1).slice(0, MOST_PATH);
    const spans = item.has(6) ? spansOf(item.bytes(6)) : [];
    const [line, skipped, length] = [item.number(2), item.number(4), item.number(5)];
    this.add({ path: this.#path, line, bytes: item.bytes(3), skipped, length, spans });
  }
}

function spansOf(bytes: Uint8Array): [number, number][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length === 0 || bytes.length % 8) throw new ProtocolError("matches that are none");
  return Array.from({ length: bytes.length / 8 }, (_, i) => [
    view.getUint32(i * 8, true),
    view.getUint32(i * 8 + 4, true),
  ]);
}

function shown({ path, line, bytes, skipped, length, spans }: RawLine): FoundLine {
  const end = bytes.at(-1) === 13 && skipped + bytes.length === length ? bytes.length - 1 : bytes.length;
  const first = (spans[0]?.[0] ?? skipped) - skipped;
  const from = end <= MOST_SHOWN ? 0 : boundary(bytes, Math.max(0, Math.min(first - LEAD, end - MOST_SHOWN)));
  const to = boundary(bytes, Math.min(end, from + MOST_SHOWN));
  const matched = spans.flatMap(([start, stop]) => {
    const [low, high] = [Math.max(start - skipped, from), Math.min(stop - skipped, to)];
    return low < high ? [decoder.decode(bytes.subarray(low, high))] : [];
  });
  return {
    path,
    line,
    text: decoder.decode(bytes.subarray(from, to)),
    ...(spans[0] ? { column: spans[0][0] + 1 } : {}),
    matched,
    cutBefore: skipped + from > 0,
    cutAfter: skipped + to < length - (bytes.length - end),
  };
}

/** The same place, or that before it where a character begins. */
function boundary(bytes: Uint8Array, at: number): number {
  let place = at;
  while (place > 0 && place < bytes.length && ((bytes[place] ?? 0) & 0xc0) === 0x80 && at - place < 4) place--;
  return place;
}
