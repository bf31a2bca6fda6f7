/** `bun scripts/docs.ts`: writes the tables that the docs have from the code, between `<!-- name -->` marks. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../src/commands/index.ts";
import { commandsMarkdown, optionsMarkdown } from "../src/commands/markdown.ts";
import { toolsMarkdown } from "../src/mcp/markdown.ts";
import { tools } from "../src/mcp/tools/index.ts";
import { readTranscripts, transcriptsMarkdown } from "./docs/transcripts.ts";

const ROOT = join(import.meta.dirname, "..");

const own = tools.filter(({ toolset = "sandbox" }) => toolset === "sandbox");
const podman = tools.filter(({ toolset }) => toolset === "podman");

/** Each generated section: the file, the name of its marks, what stands between them. */
export const SECTIONS = [
  { file: "docs/configuration.md", name: "options", content: () => optionsMarkdown() },
  { file: "README.md", name: "commands", content: () => commandsMarkdown(commands) },
  { file: "README.md", name: "tools", content: () => transcriptsMarkdown(own, readTranscripts()) },
  { file: "docs/tools.md", name: "tools", content: () => toolsMarkdown(own) },
  { file: "docs/podman.md", name: "tools", content: () => toolsMarkdown(podman) },
];

/** What stands between the marks; undefined where they are not there once each, in order. */
export function sectionOf(text: string, name: string): string | undefined {
  const [before, rest, ...more] = text.split(`<!-- ${name} -->`);
  const [section, after, ...others] = (rest ?? "").split(`<!-- /${name} -->`);
  if (before === undefined || after === undefined || more.length + others.length > 0) return undefined;
  return section?.trim();
}

if (import.meta.main) {
  for (const { file, name, content } of SECTIONS) {
    const path = join(ROOT, file);
    const text = readFileSync(path, "utf8");
    const section = sectionOf(text, name);
    if (section === undefined) throw new Error(`${file} has no <!-- ${name} --> ... <!-- /${name} -->`);
    const marked = `<!-- ${name} -->\n\n${content()}\n\n<!-- /${name} -->`;
    const start = text.indexOf(`<!-- ${name} -->`);
    const end = text.indexOf(`<!-- /${name} -->`) + `<!-- /${name} -->`.length;
    writeFileSync(path, text.slice(0, start) + marked + text.slice(end));
  }
}
