/** What bytes are: an image, text, or neither. */

/** Images that clients show, by their first bytes. */
export function imageType(head: Uint8Array): string | undefined {
  const starts = Buffer.from(head.subarray(0, 12)).toString("latin1");
  if (starts.startsWith("\u0089PNG\r\n\u001a\n")) return "image/png";
  if (starts.startsWith("\u00ff\u00d8\u00ff")) return "image/jpeg";
  if (/^GIF8[79]a/.test(starts)) return "image/gif";
  if (/^RIFF[^]{4}WEBP/.test(starts)) return "image/webp";
  return undefined;
}

/** Text has no NUL: what has is shown as base64. */
export function isBinary(bytes: Uint8Array): boolean {
  return bytes.includes(0);
}

/** Bytes as text. `exact`: nothing had to be replaced; `length`: without a character that is cut off at the end. */
export function textOf(bytes: Uint8Array): { text: string; exact: boolean; length: number } {
  const length = bytes.length - cutOff(bytes);
  const whole = bytes.subarray(0, length);
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(whole), exact: true, length };
  } catch {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    return { text, exact: false, length: bytes.length };
  }
}

/** How many bytes at the end begin a UTF-8 character without ending it. */
function cutOff(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? back : 0;
  }
  return 0;
}
