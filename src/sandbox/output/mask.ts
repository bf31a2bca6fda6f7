/** Finds secrets in bytes that come in pieces, so that none is told, whole or in parts. */

/** Of a long secret only the beginning is compared: what begins like it counts as it, to its whole length. */
const MAX_HEAD = 4_096;
/** So many values of one command, and so many of a sandbox, are masked at most. */
export const MAX_SECRETS = 64;
export const MASKED = "***";

/** A value that is not told: how it begins, and how long it is in bytes. */
export interface Secret {
  readonly head: Uint8Array;
  readonly length: number;
}

/** A run of bytes, `end` excluded. */
export interface Run {
  start: number;
  end: number;
}

/** A value as a secret. */
export function secretOf(value: string, maxHead = MAX_HEAD): Secret {
  const bytes = Buffer.from(value);
  return { head: bytes.subarray(0, maxHead), length: bytes.length };
}

export class Mask {
  readonly #secrets: readonly { head: Buffer; length: number }[];
  /** Bytes of the longest secret; 0 where there is none. Whether a byte belongs to one is known from so many around it. */
  readonly longest: number;

  constructor(secrets: readonly Secret[] = []) {
    this.#secrets = secrets
      .filter(({ head, length }) => head.length > 0 && length >= head.length)
      .map(({ head, length }) => ({ head: Buffer.from(head), length }));
    this.longest = Math.max(0, ...this.#secrets.map(({ length }) => length));
  }

  get isEmpty(): boolean {
    return this.longest === 0;
  }

  /** The bytes that belong to a secret: runs in order that do not touch, perhaps beyond the end. */
  covered(bytes: Buffer): Run[] {
    const found = this.#secrets.flatMap((secret) => occurrences(bytes, secret));
    found.sort((a, b) => a.start - b.start);
    const merged: Run[] = [];
    for (const run of found) {
      const last = merged.at(-1);
      if (last && run.start <= last.end) last.end = Math.max(last.end, run.end);
      else merged.push({ ...run });
    }
    return merged;
  }

  /** How many of the last bytes may be the beginning of a secret that goes on. */
  openEnd(bytes: Buffer): number {
    return Math.max(0, ...this.#secrets.map(({ head }) => sharedEnd(bytes, head)));
  }

  /** How many of the first bytes may be the end of a secret that began before. */
  openStart(bytes: Buffer): number {
    return Math.max(0, ...this.#secrets.map(({ head }) => sharedStart(bytes, head)));
  }

  /** A whole text with a star for each character of a secret, as long as it was. */
  blank(value: string): string {
    const bytes = Buffer.from(value);
    const parts: string[] = [];
    let at = 0;
    for (const { start, end } of this.covered(bytes)) {
      parts.push(bytes.toString("utf8", at, start), "*".repeat(bytes.toString("utf8", start, end).length));
      at = end;
    }
    return parts.join("") + bytes.toString("utf8", at);
  }

  /** A whole text, masked. */
  text(value: string): string {
    if (this.isEmpty) return value;
    const bytes = Buffer.from(value);
    return maskedText(bytes, { start: 0, end: bytes.length }, this);
  }
}

/**
 * A part of some bytes as text. A secret that began before the part has been told as masked there, and is left out here.
 *
 * @param bytes with as many around the part as the mask's `longest`, where there are any
 */
export function maskedText(bytes: Buffer, part: Run, mask: Mask): string {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  if (mask.isEmpty) return decoder.decode(bytes.subarray(part.start, part.end));
  const said: string[] = [];
  let at = part.start;
  for (const run of mask.covered(bytes)) {
    if (run.end <= at || run.start >= part.end) continue;
    if (run.start > at) said.push(decoder.decode(bytes.subarray(at, run.start)));
    if (run.start >= part.start) said.push(MASKED);
    at = Math.min(run.end, part.end);
  }
  if (at < part.end) said.push(decoder.decode(bytes.subarray(at, part.end)));
  return said.join("");
}

/** Runs in order; those that touch are one, found by leaps: a flood of a repeated secret costs no search for each byte. */
function occurrences(bytes: Buffer, { head, length }: { head: Buffer; length: number }): Run[] {
  const runs: Run[] = [];
  for (let start = bytes.indexOf(head); start >= 0;) {
    let last = start;
    for (;;) {
      const next = bytes.lastIndexOf(head, last + length);
      if (next <= last) break;
      last = next;
    }
    runs.push({ start, end: last + length });
    start = bytes.indexOf(head, last + 1);
  }
  return runs;
}

function sharedEnd(bytes: Buffer, head: Buffer): number {
  const [first] = head;
  if (first === undefined) return 0;
  const begin = Math.max(0, bytes.length - head.length + 1);
  for (let at = bytes.indexOf(first, begin); at >= 0; at = bytes.indexOf(first, at + 1)) {
    const length = bytes.length - at;
    if (bytes.compare(head, 0, length, at) === 0) return length;
  }
  return 0;
}

function sharedStart(bytes: Buffer, head: Buffer): number {
  for (let length = Math.min(bytes.length, head.length - 1); length > 0; length--) {
    if (bytes.compare(head, head.length - length, head.length, 0, length) === 0) return length;
  }
  return 0;
}
