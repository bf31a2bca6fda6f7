import { expect, test } from "bun:test";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../src/units.ts";

test.each([
  ["2g", 2_147_483_648],
  ["256k", 262_144],
  ["1.5MiB", 1_572_864],
  ["4 MB", 4_194_304],
  ["4096", 4096],
  ["512b", 512],
  ["0", 0],
  ["2x", undefined],
  ["-1m", undefined],
  ["", undefined],
  ["1e9", undefined],
])("%p are %p bytes [config.errors]", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes as number);
});

test.each([
  ["10m", 600_000],
  ["1h30m", 5_400_000],
  ["500ms", 500],
  ["1.5s", 1500],
  ["2d", 172_800_000],
  ["10", undefined],
  ["m", undefined],
  ["10 minutes", undefined],
])("%p are %p milliseconds [config.errors]", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds as number);
});

test.each([1, 1000, 1024, 1536 * 1024, 2 ** 31, 3 * 2 ** 40])(
  "%p bytes are written so that they are read back",
  (n) => {
    expect(parseSize(formatSize(n))).toBe(n);
  },
);

test.each([1, 1500, 90_000, 600_000, 5_400_000])("%p ms are written so that they are read back", (n) => {
  expect(parseDuration(formatDuration(n))).toBe(n);
});
