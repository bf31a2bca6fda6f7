import { expect, test } from "bun:test";
import { nameIn, staysInside } from "../../src/commands/cp-names.ts";
import { imageType, textOf } from "../../src/mcp/content.ts";
import { applyEdits } from "../../src/sandbox/files/edits.ts";
import { Fields, decodeInfo, encodeRequest } from "../../src/sandbox/files/wire.ts";
import { FrameDecoder } from "../../src/sandbox/agent/frames-wire.ts";

test.each([
  ["89504e470d0a1a0a", "image/png"],
  ["ffd8ffe0", "image/jpeg"],
  ["474946383961", "image/gif"],
  ["474946383061", undefined],
  ["524946460a000000574542505650", "image/webp"],
  ["524946460000000041564920", undefined],
  ["", undefined],
])("the image of %s is %p [file.read]", (hex, type) => {
  expect(imageType(Buffer.from(hex, "hex"))).toBe(type);
});

test.each([
  ["61c3bc", "a\u00fc", true, 3],
  ["61c3", "a", true, 1],
  ["61f09f98", "a", true, 1],
  ["61ff62", "a\ufffdb", false, 3],
  ["efbbbf61", "\ufeffa", true, 4],
  ["8080", "\ufffd\ufffd", false, 2],
])("bytes %s are the text %j [file.read]", (hex, text, exact, length) => {
  expect(textOf(Buffer.from(hex, "hex"))).toEqual({ text, exact, length });
});

test.each([
  ["file", 0, true],
  ["./sub//file", 0, true],
  ["..", 0, false],
  ["../x", 1, true],
  ["../../x", 1, false],
  ["a/../x", 5, false],
  ["/etc", 9, false],
  ["", 0, true],
  ["..", -1, false],
])("a link to %j from depth %d stays inside: %p [cp.hostile]", (target, depth, isInside) => {
  expect(staysInside(target, depth)).toBe(isInside);
});

test.each([
  ["a/b", "b"],
  ["a/b/", "b"],
  ["a/.", undefined],
  [".", undefined],
  ["a/..", undefined],
  ["/", undefined],
  [".hidden", ".hidden"],
])("%j is copied under the name %p [cp.both]", (path, name) => {
  expect(nameIn(path)).toBe(name);
});

test("edits see what those before made, in bytes [file.edit]", () => {
  const edits = [
    { old: "a", new: "bb", count: 1 },
    { old: "b", new: "\u00fc", count: "all" as const },
  ];
  const { bytes, replaced } = applyEdits(Buffer.from([0xff, 0x61, 0x62]), edits, "p");
  expect([bytes.toString("hex"), replaced]).toEqual(["ffc3bcc3bcc3bc", 4]);
});

test("an edit that does not match a large file is refused in little time [file.edit]", () => {
  const content = Buffer.from("some line of text that repeats\n".repeat(200_000));
  const started = performance.now();
  expect(() => applyEdits(content, [{ old: `missing ${"x".repeat(10_000)}`, new: "", count: 1 }], "p")).toThrow(
    "does not occur",
  );
  expect(performance.now() - started).toBeLessThan(3_000);
});

test("fields of a request are read back, and cut-off ones are refused [files.hostile]", () => {
  const bytes = encodeRequest(1, 5n, [[1, "p\u00fc"], undefined, [16, 7n], [17, true]]);
  const [frame] = new FrameDecoder().push(bytes);
  const fields = new Fields(frame?.payload ?? new Uint8Array());
  expect([frame?.id, fields.text(1), fields.number(16), fields.number(17), fields.has(2)]).toEqual([
    5n,
    "p\u00fc",
    7,
    1,
    false,
  ]);
  expect(() => new Fields(bytes.subarray(16, -1))).toThrow("exceeds its frame");
  expect(() => new Fields(bytes.subarray(16, 19))).toThrow("cut off");
  expect(() => decodeInfo(fields)).toThrow("field 6 is missing");
});
