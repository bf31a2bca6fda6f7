/** The dispatch table as shells want it: every place of a command line and what may stand there. */
import { isFlag } from "../arguments.ts";
import type { Args, FlagDef, Table } from "../command.ts";
import { withCommonArgs } from "../common.ts";

export interface Word {
  text: string;
  summary: string;
}

export interface CompletedFlag {
  /** Without dashes. */
  name: string;
  short: string | undefined;
  summary: string;
  /** `none`: a switch; `list`: one of `options`; `path`: a file or folder; `any`: anything. */
  takes: "none" | "list" | "path" | "any";
  options: readonly string[];
  /** What stands for the value: `PORT`. */
  value: string;
  repeatable: boolean;
}

/** A table or a verb. */
export interface Node {
  /** The words that lead here, without `podexec`: `sessions list`; empty for the top. */
  path: string;
  /** Verbs of a table, or the values of a verb's positional arguments. */
  words: Word[];
  flags: CompletedFlag[];
}

const PATH_VALUES = new Set(["PATH", "FILE", "FOLDER", "PATH[:ro]"]);

/** The nodes of a table, the top first. */
export async function describeTable(table: Table, path = ""): Promise<Node[]> {
  const words = Object.entries(table).map(([text, { summary }]) => ({ text, summary }));
  const nodes: Node[] = [{ path, words, flags: flagsOf(withCommonArgs({})).filter(({ name }) => name === "help") }];
  for (const [name, row] of Object.entries(table)) {
    const here = path ? `${path} ${name}` : name;
    if ("verbs" in row) nodes.push(...(await describeTable(row.verbs, here)));
    else nodes.push(verbNode(here, (await row.load()).args));
  }
  return nodes;
}

function verbNode(path: string, args: Args): Node {
  const words = Object.values(args).flatMap((def) =>
    "options" in def && def.options && !isFlag(def) ? def.options.map((text) => ({ text, summary: def.summary })) : [],
  );
  return { path, words, flags: flagsOf(withCommonArgs(args)) };
}

function flagsOf(args: Args): CompletedFlag[] {
  return Object.entries(args).flatMap(([name, def]) => (isFlag(def) ? [flag(name, def)] : []));
}

function flag(name: string, def: FlagDef): CompletedFlag {
  return {
    name: def.type === "boolean" && def.default === true ? `no-${name}` : name,
    short: def.short,
    summary: def.summary,
    takes: takes(def),
    options: def.type === "enum" ? def.options : [],
    value: def.value ?? name.toUpperCase(),
    repeatable: def.type === "strings",
  };
}

function takes(def: FlagDef): CompletedFlag["takes"] {
  if (def.type === "boolean") return "none";
  if (def.type === "enum") return "list";
  return def.value !== undefined && PATH_VALUES.has(def.value) ? "path" : "any";
}
