import { describe, expect, test } from "bun:test";
import { LiveText } from "../../src/sandbox/output/live-text.ts";
import { Mask, MASKED, maskedText, secretOf } from "../../src/sandbox/output/mask.ts";
import { OutputCollector } from "../../src/sandbox/output/output.ts";
import { cutPage } from "../../src/sandbox/output/page.ts";

const SECRET = "s3cr3t-wörd";
const mask = new Mask([secretOf(SECRET), secretOf("abab")]);
const whole = (text: string) => {
  const bytes = Buffer.from(text);
  return maskedText(bytes, { start: 0, end: bytes.length }, mask);
};

/** All pages of some output, as a reader with a cursor gets them. */
function pages(bytes: Buffer, limit: number): string[] {
  const told: string[] = [];
  for (let from = 0; from < bytes.length;) {
    const at = Math.max(0, from - mask.longest);
    const until = from + limit + mask.longest;
    const window = { bytes: bytes.subarray(at, until), at, isEnd: until >= bytes.length };
    const { text, next } = cutPage(window, { from, limit, mask, isTerminal: false });
    told.push(text);
    from = next;
  }
  return told;
}

test("secrets are masked wherever they stand, and what touches is one [secrets.masked]", () => {
  expect(whole(`a ${SECRET}, ${SECRET}${SECRET} ababab z`)).toBe(`a ***, *** *** z`);
  expect(whole("aba bab s3cr3t")).toBe("aba bab s3cr3t");
  expect(new Mask().text("plain")).toBe("plain");
});

test.each([8, 9, 13, 20, 64])(
  "pages of %p bytes say together what one says, whatever they cut [secrets.masked]",
  (limit) => {
    const bytes = Buffer.from(`é${SECRET}😀 abababab ${SECRET}${SECRET} x${SECRET}`.repeat(7));
    const told = pages(bytes, limit);
    expect(told.join("")).toBe(whole(bytes.toString()));
    expect(told.join("|")).not.toContain("s3c");
  },
);

test("output that comes byte for byte is masked before it is told [secrets.masked]", () => {
  const text = `one ${SECRET} two ${SECRET.slice(0, 5)}! aba`;
  const live = new LiveText(() => mask);
  const told = [...Buffer.from(text)].map((byte) => live.push(Uint8Array.of(byte)));
  expect(told.join("")).toBe("one *** two s3cr3! ");
  expect(told.filter((part) => part.includes("s3cr3t"))).toEqual([]);
});

test("a secret that head and tail cut is told in neither [secrets.masked]", () => {
  const bytes = Buffer.from(SECRET);
  for (let cut = 1; cut < bytes.length; cut++) {
    const collector = new OutputCollector(1_000);
    collector.push(0, Buffer.concat([Buffer.from("head "), bytes.subarray(0, cut)]));
    collector.push(900, Buffer.concat([bytes.subarray(cut), Buffer.from(" tail")]));
    const { text } = collector.render(900 + bytes.length - cut + 5, { mask });
    expect(text).toMatch(/^head \n\[\.\.\. \d+ bytes left out \.\.\.\]\n tail$/);
  }
});

test("what may be the beginning of a secret is held back while more can come [secrets.masked]", () => {
  const collector = new OutputCollector(1_000);
  collector.push(0, Buffer.from("wait s3cr"));
  expect(collector.render(9, { mask, isOpen: true })).toEqual({ text: "wait ", truncated: false, held: 4 });
  expect(collector.render(9, { mask })).toEqual({ text: "wait s3cr", truncated: false, held: 0 });
});

describe("hostile secrets", () => {
  test("that repeat themselves cost no more than a look at each byte [secrets.masked]", () => {
    const many = Array.from({ length: 64 }, (_, n) => secretOf("a".repeat(n + 4)));
    const flood = Buffer.alloc(262_144, "a");
    const startedAt = performance.now();
    expect(maskedText(flood, { start: 0, end: flood.length }, new Mask(many))).toBe(MASKED);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("of which only the beginning is kept are masked to their length [secrets.survive]", () => {
    const kept = new Mask([{ head: Buffer.from("-----BEGIN KEY"), length: 40 }]);
    expect(kept.text(`-----BEGIN KEY${"x".repeat(26)} after`)).toBe("*** after");
  });
});
