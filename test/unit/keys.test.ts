import { expect, test } from "bun:test";
import { keyBytes } from "../../src/sandbox/output/keys.ts";

test.each([
  ["enter", "\r"],
  ["Return", "\r"],
  ["tab", "\t"],
  ["shift-tab", "\x1b[Z"],
  ["escape", "\x1b"],
  ["esc", "\x1b"],
  ["backspace", "\x7f"],
  ["space", " "],
  ["up", "\x1b[A"],
  ["home", "\x1b[H"],
  ["ctrl-right", "\x1b[1;5C"],
  ["shift-alt-up", "\x1b[1;4A"],
  ["page-down", "\x1b[6~"],
  ["pgup", "\x1b[5~"],
  ["ctrl-delete", "\x1b[3;5~"],
  ["f1", "\x1bOP"],
  ["F12", "\x1b[24~"],
  ["ctrl-c", "\x03"],
  ["Ctrl+D", "\x04"],
  ["ctrl-[", "\x1b"],
  ["ctrl-\\", "\x1c"],
  ["ctrl-space", "\0"],
  ["alt-x", "\x1bx"],
  ["alt-X", "\x1bX"],
  ["shift-a", "A"],
  ["ctrl-alt-a", "\x1b\x01"],
  ["-", "-"],
  ["ctrl--", undefined],
  ["é", "é"],
  ["😀", "😀"],
  ["enterr", undefined],
  ["ctrl-", undefined],
  ["toString", undefined],
  ["constructor", undefined],
])("the key %p is %j [tty.keys]", (name, bytes) => {
  expect(keyBytes(name)).toBe(bytes as string);
});

test("cursor keys have another form where the program asked for it [tty.keys]", () => {
  expect(keyBytes("up", { isApplication: true })).toBe("\x1bOA");
  expect(keyBytes("ctrl-up", { isApplication: true })).toBe("\x1b[1;5A");
});
