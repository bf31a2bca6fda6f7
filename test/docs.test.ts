import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readTranscripts } from "../scripts/docs/transcripts.ts";
import { SECTIONS, sectionOf } from "../scripts/docs.ts";
import { tools } from "../src/mcp/tools/index.ts";

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

test("every tool of a sandbox is shown at work, and every call that is shown would be accepted [cli.documented]", () => {
  const calls = readTranscripts();
  const own = tools.filter(({ toolset = "sandbox" }) => toolset === "sandbox");
  expect(own.filter(({ name }) => !calls.some(({ tool }) => tool === name)).map(({ name }) => name)).toEqual([]);
  for (const { tool, arguments: args, text } of calls) {
    const { error } = tools.find(({ name }) => name === tool)?.input.safeParse(args) ?? { error: "no such tool" };
    expect({ tool, error }).toEqual({ tool, error: undefined });
    expect(text.length).toBeGreaterThan(1);
  }
});
