/** What a terminal's output says, without what steers the terminal (ECMA-48). Linear, whatever it is fed. */

const ESC = 0x1b;
const BEL = 0x07;
const CARRIAGE_RETURN = 0x0d;
/** A sequence longer than this is not waited for. */
const MAX_HELD = 4_096;

/** Text without escape sequences and control characters but tab, newline and a lone carriage return. */
export function plainText(text: string): string {
  const said: string[] = [];
  let from = 0;
  for (let at = text.indexOf("\x1b"); at >= 0; at = text.indexOf("\x1b", from)) {
    said.push(text.slice(from, at));
    from = escapeEnd((index) => text.charCodeAt(index), at, text.length) ?? text.length;
  }
  said.push(text.slice(from));
  return (
    said
      .join("")
      .replaceAll("\r\n", "\n")
      // oxlint-disable-next-line no-control-regex -- control characters are what is meant
      .replace(/[\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g, "")
  );
}

/** How many of the last bytes are a sequence that is not over, or a carriage return whose newline may follow. */
export function heldEscape(bytes: Uint8Array): number {
  if (bytes.at(-1) === CARRIAGE_RETURN) return 1;
  const begin = Math.max(0, bytes.length - MAX_HELD);
  // Inside a string sequence ESC begins its terminator: from the first open one on, everything is held.
  for (let at = bytes.indexOf(ESC, begin); at >= 0;) {
    const end = escapeEnd((index) => bytes[index] ?? 0, at, bytes.length);
    if (end === undefined) return bytes.length - at;
    at = bytes.indexOf(ESC, end);
  }
  return 0;
}

/** Where the sequence that begins at an ESC is over; undefined where it is not. */
function escapeEnd(code: (index: number) => number, at: number, length: number): number | undefined {
  if (at + 1 >= length) return undefined;
  const kind = code(at + 1);
  // A control character breaks it off and counts for itself.
  if (kind < 0x20) return at + 1;
  if (kind === 0x5b) return controlEnd(code, at + 2, length);
  // DCS, SOS, OSC, PM, APC: strings up to ST, or BEL.
  if (kind === 0x50 || kind === 0x58 || (kind >= 0x5d && kind <= 0x5f)) return stringEnd(code, at + 2, length);
  let end = at + 1;
  while (end < length && code(end) >= 0x20 && code(end) <= 0x2f) end++;
  return end < length ? end + 1 : undefined;
}

function controlEnd(code: (index: number) => number, from: number, length: number): number | undefined {
  let end = from;
  while (end < length && code(end) >= 0x20 && code(end) <= 0x3f) end++;
  if (end >= length) return undefined;
  // Anything else than a final byte breaks the sequence off and counts for itself.
  return code(end) >= 0x40 && code(end) <= 0x7e ? end + 1 : end;
}

function stringEnd(code: (index: number) => number, from: number, length: number): number | undefined {
  for (let at = from; at < length; at++) {
    if (code(at) === BEL) return at + 1;
    if (code(at) !== ESC) continue;
    if (at + 1 >= length) return undefined;
    return code(at + 1) === 0x5c ? at + 2 : at;
  }
  return undefined;
}
