import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SECTIONS, sectionOf } from "../scripts/docs.ts";

const ROOT = join(import.meta.dir, "..");

test.each(SECTIONS)(
  "the $name in $file are those of the code: bun scripts/docs.ts [cli.documented]",
  ({ file, name, content }) => {
    expect(sectionOf(readFileSync(join(ROOT, file), "utf8"), name)).toBe(content());
  },
);

test("a section is found between its marks, once [cli.documented]", () => {
  expect(sectionOf("a\n<!-- x -->\n\nb\n\n<!-- /x -->\nc", "x")).toBe("b");
  expect(sectionOf("a\n<!-- x -->\nb", "x")).toBeUndefined();
  expect(sectionOf("<!-- x -->b<!-- /x --><!-- x -->c<!-- /x -->", "x")).toBeUndefined();
});
