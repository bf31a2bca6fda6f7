/** Finds the lines of a command's output that contain a text; time, memory and answer are bounded. */
import type { Command } from "../commands/command.ts";
import { maskedText, type Mask } from "./mask.ts";

const BLOCK = 1_048_576;
/** Of a longer line only what is around the match is told, and only so much of it is held. */
const MAX_LINE = 65_536;
const MAX_TOLD = 2_000;
const MAX_BEFORE = 500;
const LIMIT_MS = 10_000;
const NEWLINE = 0x0a;

export interface SearchOptions {
  from: number;
  to: number;
  /** Bytes of the answer. */
  limit: number;
  maxMatches: number;
  ignoreCase: boolean;
  signal: AbortSignal;
}

export interface Found {
  text: string;
  /** The byte after the last one that was looked at. */
  end: number;
  matches: number;
}

/** @param needle literal text without a newline @throws PodexecError as `Command.page` */
export async function searchOutput(command: Command, needle: string, options: SearchOptions): Promise<Found> {
  const search = new Search(needle, command.output.mask, options);
  const until = performance.now() + LIMIT_MS;
  let at = options.from;
  while (at < options.to && !search.isFull && performance.now() < until && !options.signal.aborted) {
    const piece = await command.output.raw(at, Math.min(BLOCK, options.to - at));
    if (piece.bytes.length === 0) break;
    search.take(piece.at, piece.bytes);
    at = piece.at + piece.bytes.length;
  }
  if (at >= options.to) search.finish();
  return { text: search.lines.join(""), end: Math.min(options.to, search.end), matches: search.lines.length };
}

class Search {
  readonly lines: string[] = [];
  /** The byte after the last whole line. */
  end: number;
  readonly #needle: Buffer;
  readonly #mask: Mask;
  readonly #options: SearchOptions;
  #said = 0;
  /** The beginning of a line whose end has not been read. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(needle: string, mask: Mask, options: SearchOptions) {
    this.#needle = options.ignoreCase ? lowered(Buffer.from(needle)) : Buffer.from(needle);
    this.#mask = mask;
    this.#options = options;
    this.end = options.from;
  }

  get isFull(): boolean {
    return this.lines.length >= this.#options.maxMatches || this.#said >= this.#options.limit;
  }

  take(at: number, bytes: Buffer): void {
    if (at !== this.end + this.#rest.length) this.#rest = Buffer.alloc(0);
    const all = Buffer.concat([this.#rest, bytes]);
    const begin = at - this.#rest.length;
    let whole = all.lastIndexOf(NEWLINE) + 1;
    // A line without end is looked at in pieces that overlap by what the needle could hide in.
    if (whole === 0 && all.length > MAX_LINE) whole = all.length - Math.max(this.#needle.length, this.#mask.longest);
    if (whole < 0) whole = 0;
    this.#scan(all.subarray(0, whole), begin);
    if (this.isFull) return;
    this.#rest = Buffer.from(all.subarray(whole));
    this.end = begin + whole;
  }

  finish(): void {
    const begin = this.end;
    this.#scan(this.#rest, begin);
    if (!this.isFull) this.end = begin + this.#rest.length;
  }

  #scan(bytes: Buffer, begin: number): void {
    const searched = this.#options.ignoreCase ? lowered(bytes) : bytes;
    for (let hit = searched.indexOf(this.#needle); hit >= 0 && !this.isFull;) {
      const start = bytes.lastIndexOf(NEWLINE, hit) + 1;
      const next = bytes.indexOf(NEWLINE, hit);
      const end = next < 0 ? bytes.length : next;
      this.#tell(bytes, { start, end, hit }, begin);
      this.end = begin + Math.min(bytes.length, end + 1);
      hit = searched.indexOf(this.#needle, end + 1);
      if (end + 1 >= bytes.length) break;
    }
  }

  #tell(bytes: Buffer, { start, end, hit }: { start: number; end: number; hit: number }, begin: number): void {
    const from = end - start <= MAX_TOLD ? start : Math.max(start, hit - MAX_BEFORE);
    const to = Math.min(end, from + MAX_TOLD);
    // Only what is around decides what is masked, and the block is long.
    const around = Math.max(0, from - this.#mask.longest);
    const near = bytes.subarray(around, to + this.#mask.longest);
    const text = maskedText(near, { start: from - around, end: to - around }, this.#mask);
    const said = `${from > start ? "..." : ""}${text}${to < end ? "..." : ""}`;
    const line = `${begin + start}:${said.replace(/\r$/, "")}\n`;
    this.lines.push(line);
    this.#said += Buffer.byteLength(line);
  }
}

/** ASCII letters in lower case; the length stays. */
function lowered(bytes: Buffer): Buffer {
  const lower = Buffer.from(bytes);
  for (let at = 0; at < lower.length; at++) {
    const byte = lower[at] ?? 0;
    if (byte >= 0x41 && byte <= 0x5a) lower[at] = byte | 0x20;
  }
  return lower;
}
