/** The dispatch table and the options of `serve` as Markdown, for the README and the docs. */
import { options, variablesOf, type Option, type OptionName } from "../options.ts";
import type { Table } from "./command.ts";
import { defaultText } from "./serve-args.ts";
import { callables } from "./usage.ts";

/** The verbs, one row each: what stands in README.md between `<!-- commands -->` and `<!-- /commands -->`. */
export function commandsMarkdown(table: Table): string {
  const rows = callables(table).map(({ name, summary }) => [code(`podexec ${name}`), summary]);
  return markdownTable(["Command", "What it does"], rows);
}

/** The options of `serve`, one row each: between `<!-- options -->` and `<!-- /options -->`. */
export function optionsMarkdown(): string {
  const rows = (Object.keys(options) as OptionName[]).map((name) => {
    const option: Option = options[name];
    const flag = option.value ? `--${name} ${option.value}` : `--${name}`;
    const fallback = defaultText(name);
    return [code(flag), fallback && code(fallback), variablesOf(name).map(code).join(", "), option.help];
  });
  return markdownTable(["Flag", "Default", "Variable", "What it does"], rows);
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Padded as `bun fmt` pads, so that formatting the file changes nothing. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
