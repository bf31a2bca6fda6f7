/** A piece of output cut where nothing is torn: no character, no secret, no escape sequence. */
import { heldEscape, plainText } from "./escapes.ts";
import { maskedText, type Mask } from "./mask.ts";

/** Output as it was read: around the part that is told, as much as the mask wants. */
export interface Window {
  bytes: Buffer;
  /** The offset of the first byte. */
  at: number;
  /** Nothing will ever follow these bytes. */
  isEnd: boolean;
}

export interface PageOptions {
  /** The offset the page begins at. */
  from: number;
  /** Bytes at most. */
  limit: number;
  mask: Mask;
  /** A terminal wrote it: escape sequences are left out. */
  isTerminal: boolean;
}

/** @returns the text, and the offset at which the next page begins: what is between is told exactly once */
export function cutPage(window: Window, options: PageOptions): { text: string; next: number } {
  const { bytes, at } = window;
  const start = Math.min(options.from - at, bytes.length);
  const end = endOf(window, start, options);
  const text = maskedText(bytes, { start, end }, options.mask);
  return { text: options.isTerminal ? plainText(text) : text, next: at + end };
}

function endOf({ bytes, isEnd }: Window, start: number, { limit, mask, isTerminal }: PageOptions): number {
  const wanted = Math.min(start + limit, bytes.length);
  if (wanted === bytes.length && isEnd) return wanted;
  const known = isEnd ? wanted : Math.min(wanted, bytes.length - mask.openEnd(bytes));
  const end = wholeCharacters(bytes, { start, end: Math.max(start, known) });
  const held = isTerminal ? heldEscape(bytes.subarray(start, end)) : 0;
  // A sequence longer than a whole page is not waited for: no page after it would ever hold anything.
  return held === end - start && wanted === start + limit ? end : end - held;
}

/** Where the last whole character ends. RFC 3629: the first byte tells how many follow. */
export function wholeCharacters(bytes: Uint8Array, { start, end }: { start: number; end: number }): number {
  for (let back = 1; back <= 3 && end - back >= start; back++) {
    const byte = bytes[end - back];
    if (byte === undefined || byte < 0x80) break;
    if (isContinuation(byte)) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? end - back : end;
  }
  return end;
}

export function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
