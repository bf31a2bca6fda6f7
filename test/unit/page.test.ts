import { describe, expect, test } from "bun:test";
import { plainText } from "../../src/sandbox/output/escapes.ts";
import { Mask } from "../../src/sandbox/output/mask.ts";
import { cutPage } from "../../src/sandbox/output/page.ts";

const mask = new Mask();

/** A generator of numbers below 2^32 that begins with a seed: Marsaglia's xorshift. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % 1_000_003;
  };
}

/** Reads bytes that grow from look to look, with pages of any size. */
function readGrowing(bytes: Buffer, { next, isTerminal }: { next: () => number; isTerminal: boolean }): string {
  let said = "";
  let cursor = 0;
  let there = 0;
  while (cursor < bytes.length) {
    there = Math.min(bytes.length, there + (next() % 9));
    const limit = 16 + (next() % 20);
    const end = Math.min(there, cursor + limit);
    const window = { bytes: bytes.subarray(0, end), at: 0, isEnd: there === bytes.length && end === there };
    const page = cutPage(window, { from: cursor, limit, mask, isTerminal });
    expect(page.next).toBeGreaterThanOrEqual(cursor);
    said += page.text;
    cursor = page.next;
  }
  return said;
}

test("whatever the pages, together they are the whole, each byte once [cursor.exact]", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const next = numbers(seed);
    const parts = ["a", "é", "€", "😀", "\xff", "\0", "\r\n", "\xe2\x82"];
    const pieces = Array.from({ length: 40 }, () => parts[next() % parts.length] ?? "");
    const bytes = Buffer.concat(
      pieces.map((piece) => Buffer.from(piece, /[\x80-\xff]/.test(piece) && piece !== "é" ? "latin1" : "utf8")),
    );
    expect(readGrowing(bytes, { next, isTerminal: false })).toBe(
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
    );
  }
});

test("of a terminal's output no escape sequence is torn by a page [cursor.exact]", () => {
  const written = "\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\r\n\x1b(Bé\x1bP1$r\x1b\\\x1b=end\r\n";
  for (let seed = 1; seed <= 200; seed++) {
    const said = readGrowing(Buffer.from(written.repeat(3)), { next: numbers(seed), isTerminal: true });
    expect(said).toBe("red plain\né" + "end\nred plain\né".repeat(2) + "end\n");
  }
});

describe("escape sequences", () => {
  test.each([
    ["a\x1b[31mb\x1b[Kc", "abc"],
    ["\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link"],
    ["bell\x07 back\b space\r\nnext\rline", "bell back space\nnext\rline"],
    ["open \x1b[12;", "open "],
    ["\x1b\x1b[31mx", "x"],
  ])("%j read as %j [tty.output]", (written, said) => {
    expect(plainText(written)).toBe(said);
  });

  test.each([
    ["that never end", "\x1b]0;".repeat(500_000)],
    ["that begin and begin", "\x1b[".repeat(1_000_000)],
    ["that are long", `\x1b[${"1;".repeat(1_000_000)}`],
  ])("%s are read in time that grows with their length [tty.bounded]", (_, flood) => {
    const startedAt = performance.now();
    plainText(flood);
    const bytes = Buffer.from(flood);
    cutPage({ bytes, at: 0, isEnd: false }, { from: 0, limit: bytes.length, mask, isTerminal: true });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
