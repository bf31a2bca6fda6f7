/** citty, made strict: it accepts unknown flags, drops repeated values and takes any `--no-` as its own. */
import { parseArgs, type ArgsDef } from "citty";
import { PodexecError } from "../errors.ts";
import type { ArgDef, Args, FlagDef, ParsedArgs } from "./command.ts";
import { nearest } from "../nearest.ts";

/** What stood on the command line, checked against the declarations, values as text. */
interface Given {
  flags: Map<string, string[]>;
  positionals: string[];
  /** What stood behind `--`, for a verb that has a use for it. */
  words: string[];
}

/**
 * The arguments of a verb.
 *
 * @param raw what follows the verb
 * @param command how the verb is called, for messages: `podexec sessions list`
 * @throws PodexecError USAGE naming the argument, with what was probably meant as the hint
 */
export function parseArguments<A extends Args>(raw: readonly string[], args: A, command: string): ParsedArgs<A> {
  const given = collect(raw, args, command);
  const values: Record<string, unknown> = { ...flagValues(given, args), ...positionalValues(given, args, command) };
  for (const [name, def] of Object.entries(args)) checkPresence(name, def, values[name], command);
  return values as ParsedArgs<A>;
}

/** True for an argument that is a flag and not a value: `-` alone and negative numbers are values. */
export function looksLikeFlag(word: string): boolean {
  return word.startsWith("-") && word !== "-" && !/^-\d/.test(word);
}

/** An USAGE error that ends with where to look. */
export function usageError(command: string, message: string, hint?: string): PodexecError {
  return new PodexecError("USAGE", message, { hint: hint ?? `\`${command} --help\` shows what is accepted.` });
}

function collect(raw: readonly string[], args: Args, command: string): Given {
  const given: Given = { flags: new Map(), positionals: [], words: [] };
  const takesWords = Object.values(args).some(({ type }) => type === "words");
  const words = [...raw];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") {
      given[takesWords ? "words" : "positionals"].push(...words);
      break;
    }
    if (looksLikeFlag(word)) takeFlag(word, words, { given, args, command });
    else given.positionals.push(word);
  }
  return given;
}

interface Collecting {
  given: Given;
  args: Args;
  command: string;
}

/** Takes one flag, and from `rest` its value where it has none of its own. */
function takeFlag(word: string, rest: string[], { given, args, command }: Collecting): void {
  const equals = word.indexOf("=");
  const flag = equals < 0 ? word : word.slice(0, equals);
  const { name, def, negated } = findFlag(flag, args, command);
  let value = equals < 0 ? undefined : word.slice(equals + 1);
  if (def.type === "boolean") value = booleanText(flag, value, { negated, command });
  else if (value === undefined && rest[0] !== undefined && !looksLikeFlag(rest[0])) value = rest.shift();
  if (value === undefined) throw usageError(command, `${flag} needs a value`, valueHint(def, flag));
  const before = given.flags.get(name) ?? [];
  if (before.length > 0 && def.type !== "strings") {
    throw usageError(
      command,
      `--${name} is given more than once`,
      "Give it once; the verb would use only one of them.",
    );
  }
  checkValue(flag, value, def);
  given.flags.set(name, [...before, value]);
}

interface Found {
  name: string;
  def: FlagDef;
  negated: boolean;
}

function findFlag(flag: string, args: Args, command: string): Found {
  const flags = Object.entries(args).filter((entry): entry is [string, FlagDef] => isFlag(entry[1]));
  for (const [name, def] of flags) {
    if (flag === `--${name}` || (def.short !== undefined && flag === `-${def.short}`))
      return { name, def, negated: false };
  }
  for (const [name, def] of flags) {
    if (def.type === "boolean" && flag === `--no-${name}`) return { name, def, negated: true };
  }
  const names = flags.flatMap(([name, def]) => (def.type === "boolean" ? [name, `no-${name}`] : [name]));
  const meant = nearest(flag.replace(/^-+/, ""), names);
  const hint = meant ? `Did you mean --${meant}?` : behindDashes(args, command);
  throw usageError(command, `unknown flag ${flag} for ${command}`, hint);
}

function booleanText(
  flag: string,
  value: string | undefined,
  { negated, command }: { negated: boolean; command: string },
): string {
  if (value === undefined) return String(!negated);
  if (!negated && (value === "true" || value === "false")) return value;
  throw usageError(command, `${flag} is a switch and takes no value, not "${value}"`, `Write ${flag} alone.`);
}

function checkValue(flag: string, value: string, def: ArgDef): void {
  if (def.type === "number" && (value.trim() === "" || !Number.isFinite(Number(value)))) {
    throw new PodexecError("USAGE", `${flag}: "${value}" is not a number`, { hint: `Such as ${flag} 10.` });
  }
  if (!("options" in def) || def.options === undefined || def.options.includes(value)) return;
  const meant = nearest(value, def.options);
  throw new PodexecError("USAGE", `${flag}: "${value}" is none of ${def.options.join(", ")}`, {
    hint: meant ? `Did you mean ${meant}?` : `Choose one of ${def.options.join(", ")}.`,
  });
}

function valueHint(def: FlagDef, flag: string): string {
  const values = def.type === "enum" ? def.options.join("|") : (def.value ?? "VALUE");
  return `Write ${flag} ${values}, or ${flag}=${values} where the value begins with a dash.`;
}

/** Single flags through citty, which knows defaults; lists and numbers, which it does not know, beside it. */
function flagValues(given: Given, args: Args): Record<string, unknown> {
  const single = Object.entries(args).filter(([, def]) => isFlag(def) && def.type !== "strings");
  const argv = single.flatMap(([name]) => given.flags.get(name)?.map((value) => cittyWord(name, value, args)) ?? []);
  const parsed = parseArgs(argv, cittyArgs(single));
  const values: Record<string, unknown> = {};
  for (const [name, def] of Object.entries(args)) {
    if (def.type === "strings") values[name] = given.flags.get(name) ?? [];
    else if (isFlag(def)) values[name] = def.type === "number" ? numberOf(parsed[name]) : parsed[name];
  }
  return values;
}

function cittyWord(name: string, value: string, args: Args): string {
  if (args[name]?.type !== "boolean") return `--${name}=${value}`;
  return value === "true" ? `--${name}` : `--no-${name}`;
}

function cittyArgs(flags: [string, ArgDef][]): ArgsDef {
  const entries = flags.map(([name, def]) => {
    const given = "default" in def && def.default !== undefined ? { default: String(def.default) } : {};
    if (def.type === "boolean") return [name, { ...given, type: "boolean", ...booleanDefault(def) }];
    return [name, { ...given, type: "string" }];
  });
  return Object.fromEntries(entries) as ArgsDef;
}

function booleanDefault(def: { default?: boolean }): { default?: boolean } {
  return def.default === undefined ? {} : { default: def.default };
}

function numberOf(text: unknown): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function positionalValues(given: Given, args: Args, command: string): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const words = [...given.positionals];
  for (const [name, def] of Object.entries(args)) {
    if (def.type === "words") values[name] = given.words;
    if (def.type !== "positional" && def.type !== "positionals") continue;
    const taken = words.splice(0, def.type === "positional" ? 1 : words.length);
    for (const word of taken) checkValue(name.toUpperCase(), word, def);
    values[name] = def.type === "positional" ? taken[0] : taken;
  }
  const [surplus] = words;
  if (surplus === undefined) return values;
  const hint = behindDashes(args, command);
  throw usageError(command, `unexpected argument "${surplus}" for ${command}`, hint);
}

/** Where a program and its arguments belong; undefined for a verb that runs none. */
function behindDashes(args: Args, command: string): string | undefined {
  if (!Object.values(args).some(({ type }) => type === "words")) return undefined;
  const needed = Object.entries(args).filter(([, { type, required }]) => type === "positional" && required === true);
  const before = [command, ...needed.map(([name]) => name.toUpperCase())].join(" ");
  return `What is to be run stands behind --, as in: ${before} -- ls -l`;
}

function checkPresence(name: string, def: ArgDef, value: unknown, command: string): void {
  if (def.required !== true) return;
  if (Array.isArray(value) ? value.length > 0 : value !== undefined) return;
  const shown = isFlag(def) ? `--${name}` : `${def.type === "words" ? "-- " : ""}${name.toUpperCase()}`;
  const choices = "options" in def && def.options ? `One of ${def.options.join(", ")}.` : undefined;
  throw usageError(command, `${shown} is missing for ${command}`, choices);
}

/** True for a flag, false for a positional. */
export function isFlag(def: ArgDef): def is FlagDef {
  return def.type !== "positional" && def.type !== "positionals" && def.type !== "words";
}
