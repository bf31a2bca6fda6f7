/** How names of files are shown. */
import { expect, test } from "bun:test";
import { quoted } from "../../src/mcp/tree.ts";

test.each([
  ["notes (1).txt", "notes (1).txt"],
  ["Überblick 漢字 😀", "Überblick 漢字 😀"],
  ["a\nb", String.raw`"a\nb"`],
  ["\x1b[31mred\x07", String.raw`"\u001b[31mred\u0007"`],
  ["\u009b31m", String.raw`"\u009b31m"`],
  ["rtl\u202eexe.txt", String.raw`"rtl\u202eexe.txt"`],
  [" lead", '" lead"'],
  ["trail ", '"trail "'],
  ['"as quoted"', String.raw`"\"as quoted\""`],
])("the name %j is shown as %s: on its line, and no terminal obeys it [find.list]", (name, shown) => {
  expect(quoted(name)).toBe(shown);
});
