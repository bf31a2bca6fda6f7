/** What `--help` prints. */
import { isFlag } from "./arguments.ts";
import type { Args, FlagDef, Table, Verb } from "./command.ts";

const WIDTH = 100;
const COLUMN = 30;

/** One verb that can be called, with the words that call it. */
export interface Callable {
  /** Such as `sessions list`. */
  name: string;
  summary: string;
  load(): Promise<Verb>;
}

/** Every verb of a table and of the tables in it, in their order. */
export function callables(table: Table, prefix = ""): Callable[] {
  return Object.entries(table).flatMap(([name, row]) => {
    if ("verbs" in row) return callables(row.verbs, `${prefix}${name} `);
    return [{ name: prefix + name, summary: row.summary, load: () => row.load() }];
  });
}

/**
 * The verbs of a table.
 *
 * @param command how the table is reached: `podexec`, `podexec sessions`
 */
export function tableUsage(command: string, table: Table): string {
  const prefix = command.split(" ").slice(1).join(" ");
  const rows = callables(table, prefix && `${prefix} `).map(({ name, summary }) => [name, summary] as const);
  return [
    `Usage: ${command} VERB [FLAGS]`,
    "",
    ...columns(rows, 16),
    "",
    `\`podexec VERB --help\` shows the flags of a verb.`,
    "",
  ].join("\n");
}

/** One verb: how it is called, what it does, its arguments, examples. */
export function verbUsage(command: string, summary: string, verb: Verb): string {
  const positionals = Object.entries(verb.args).filter(([, def]) => !isFlag(def));
  const words = positionals.find(([, def]) => def.type === "words");
  const flags = flagRows(verb.args);
  return [
    [
      ...["Usage:", command],
      ...positionals.filter((one) => one !== words).map(([name]) => positionalText(name, verb.args)),
      ...["[FLAGS]", ...(words ? [positionalText(words[0], verb.args)] : [])],
    ].join(" "),
    "",
    `${summary}.`,
    ...(verb.details ? ["", ...verb.details.split("\n").flatMap((line) => wrap(line, WIDTH))] : []),
    ...section(
      "Arguments",
      positionals.map(([name, def]) => [shownName(name, def), def.summary]),
    ),
    ...section("Flags", flags),
    ...(verb.examples ? ["", "Examples:", ...verb.examples.map((example) => `  ${example}`)] : []),
    "",
  ].join("\n");
}

/** A flag as it is typed, with what stands for its value: `--port PORT`. */
function flagText(name: string, def: FlagDef): string {
  const dashes = def.short ? `-${def.short}, --${name}` : `--${name}`;
  if (def.type === "boolean") return def.default === true ? `--no-${name}` : dashes;
  if (def.type === "enum") return `${dashes} ${def.options.join("|")}`;
  return `${dashes} ${def.value ?? "VALUE"}${def.type === "strings" ? " ..." : ""}`;
}

/** A flag's summary with its note or its default behind it. */
function flagSummary(def: FlagDef): string {
  const hasDefault = def.type !== "strings" && def.type !== "boolean" && def.default !== undefined;
  const note = def.note ?? (hasDefault ? `default ${String(def.default)}` : undefined);
  return note ? `${def.summary} (${note})` : def.summary;
}

function positionalText(name: string, args: Args): string {
  const def = args[name];
  const dashes = def?.type === "words" ? "-- " : "";
  const many = def?.type === "positionals" || def?.type === "words" ? "..." : "";
  const text = `${dashes}${shownName(name, def)}${many}`;
  return def?.required === true ? text : `[${text}]`;
}

function shownName(name: string, def: Args[string] | undefined): string {
  return (def?.type === "positional" && def.shown) || name.toUpperCase();
}

function flagRows(args: Args): [string, string][] {
  return Object.entries(args).flatMap(([name, def]): [string, string][] =>
    isFlag(def) ? [[flagText(name, def), flagSummary(def)]] : [],
  );
}

function section(title: string, rows: readonly (readonly [string, string])[]): string[] {
  return rows.length === 0 ? [] : ["", `${title}:`, ...columns(rows, COLUMN)];
}

function columns(rows: readonly (readonly [string, string])[], most: number): string[] {
  const width = Math.min(most, Math.max(...rows.map(([left]) => left.length)));
  return rows.flatMap(([left, right]) => {
    const lines = wrap(right, WIDTH - width - 4);
    const first = left.length > width ? [`  ${left}`] : [`  ${left.padEnd(width)}  ${lines.shift() ?? ""}`];
    return [...first, ...lines.map((line) => " ".repeat(width + 4) + line)];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
