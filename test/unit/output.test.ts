import { describe, expect, test } from "bun:test";
import { OutputCollector } from "../../src/sandbox/output/output.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function collect(limit: number, pieces: [number, string | Uint8Array][], total: number, file?: string) {
  const collector = new OutputCollector(limit);
  for (const [offset, piece] of pieces) collector.push(offset, typeof piece === "string" ? bytes(piece) : piece);
  const { text, truncated } = collector.render(total, file === undefined ? {} : { file });
  return { text, truncated };
}

test("pieces in order are the output [output.bounded]", () => {
  const pieces: [number, string][] = [
    [0, "one "],
    [4, "two"],
  ];
  expect(collect(100, pieces, 7)).toEqual({ text: "one two", truncated: false });
  expect(collect(100, [], 0)).toEqual({ text: "", truncated: false });
});

test("what is left out in the middle or at the end is counted exactly, and the file is named [output.bounded]", () => {
  const gap = collect(
    100,
    [
      [0, "head"],
      [90, "tail"],
    ],
    94,
    "/tmp/all",
  );
  expect(gap).toEqual({
    text: "head\n[... 86 bytes left out; the whole output is in /tmp/all ...]\ntail",
    truncated: true,
  });
  expect(collect(4, [[0, "head"]], 10)).toEqual({ text: "head\n[... 6 bytes left out ...]\n", truncated: true });
});

test("pieces that overlap, repeat or exceed the bound are cut [agent.hostile]", () => {
  const overlapping: [number, string][] = [
    [0, "abcd"],
    [2, "cdef"],
    [0, "abc"],
  ];
  expect(collect(100, overlapping, 6).text).toBe("abcdef");
  expect(collect(3, [[0, "abcdef"]], 6).text).toBe("abc\n[... 3 bytes left out ...]\n");
});

test("a piece is copied, for its memory is used again [agent.hostile]", () => {
  const collector = new OutputCollector(10);
  const piece = bytes("good");
  collector.push(0, piece);
  piece.fill(0x78);
  expect(collector.render(4).text).toBe("good");
});

describe("a character", () => {
  test("that comes in two pieces is whole [output.bytes]", () => {
    const euro = bytes("€");
    const pieces: [number, Uint8Array][] = [
      [0, euro.subarray(0, 1)],
      [1, euro.subarray(1)],
    ];
    expect(collect(10, pieces, 3)).toEqual({ text: "€", truncated: false });
  });

  test.each(["é", "€", "😀"])("%s torn by a cut is left out, before and after it [output.bytes]", (character) => {
    const torn = bytes(character);
    for (let cut = 1; cut < torn.length; cut++) {
      const head = new Uint8Array([0x61, ...torn.subarray(0, cut)]);
      const tail = new Uint8Array([...torn.subarray(cut), 0x7a]);
      const { text } = collect(100, [[0, head], [50, tail]], 50 + tail.length); // prettier-ignore
      expect(text).toMatch(/^a\n\[\.\.\. \d+ bytes left out \.\.\.\]\nz$/);
    }
  });

  test("that is none is replaced; NUL and a byte order mark pass [output.bytes]", () => {
    expect(collect(10, [[0, new Uint8Array([0x61, 0xff, 0, 0xe2, 0x82])]], 5).text).toBe("a\ufffd\0\ufffd");
    expect(collect(10, [[0, "\ufeffa"]], 4).text).toBe("\ufeffa");
  });
});

describe("an agent that sends a byte at a time", () => {
  test("gets its output joined, in little memory [agent.hostile]", () => {
    const collector = new OutputCollector(262_144);
    for (let offset = 0; offset < 262_144; offset++) collector.push(offset, new Uint8Array([0x78]));
    expect(collector.render(262_144)).toMatchObject({ text: "x".repeat(262_144), truncated: false });
  });

  test("with a gap after each breaks the protocol [agent.hostile]", () => {
    const collector = new OutputCollector(262_144);
    const scatter = () => {
      for (let offset = 0; offset < 262_144; offset += 2) collector.push(offset, new Uint8Array(1));
    };
    expect(scatter).toThrow("OUTPUT has too many gaps");
  });
});
