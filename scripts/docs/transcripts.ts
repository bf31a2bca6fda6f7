/** What a real session said, as data and as Markdown. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Tool } from "../../src/mcp/tool.ts";

/** Written by record.ts. */
const TRANSCRIPTS = join(import.meta.dirname, "../../docs/transcripts.json");

export interface Call {
  tool: string;
  arguments: Readonly<Record<string, unknown>>;
  /** The text of the result, which is what a model reads. */
  text: string;
}

export function readTranscripts(): Call[] {
  return JSON.parse(readFileSync(TRANSCRIPTS, "utf8")) as Call[];
}

export function writeTranscripts(calls: readonly Call[]): void {
  writeFileSync(TRANSCRIPTS, `${JSON.stringify(calls, null, 2)}\n`);
}

/** Each tool: its name, what it says of itself, and its calls. */
export function transcriptsMarkdown(tools: readonly Tool[], calls: readonly Call[]): string {
  return tools
    .map(({ name, description }) => {
      const own = calls.filter((call) => call.tool === name).map(shown);
      return `#### \`${name}\`\n\n${description}\n\n${own.join("\n\n")}`;
    })
    .join("\n\n");
}

const MOST_LINES = 30;

/** A terminal's output without what moves its cursor. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/\r/g, "");
}

function shown({ tool, arguments: args, text }: Call): string {
  const lines = [`> ${tool} ${JSON.stringify(args)}`, ...printable(text).trimEnd().split("\n")];
  const left = lines.length - MOST_LINES;
  // Of long output the README shows both ends.
  if (left > 1) lines.splice(MOST_LINES / 2, left, `(${left} lines are left out here, not in the result)`);
  return lines.map((line) => `    ${line}`.trimEnd()).join("\n");
}
