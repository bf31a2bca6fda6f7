/** Variables of compose files: `${NAME:-default}` in values, and the lines of `.env` and env_file. */
import { PodexecError } from "../../errors.ts";

export type Variables = Readonly<Record<string, string>>;

/** What interpolation meets beside what it was asked for. */
export interface Interpolation {
  variables: Variables;
  /** Hears of names that have no value and no default: they become nothing. */
  missing(name: string): void;
}

const NAME = /^[A-Za-z_]\w*/;
/** How deep defaults may hold further variables. */
const DEEPEST = 10;

/**
 * A text with its variables replaced: `$NAME`, `${NAME}`, `:-` `-` (default), `:+` `+` (instead), `:?` `?` (or fail),
 * `$$` for a dollar.
 *
 * @throws PodexecError INVALID_PARAMS where the syntax is wrong or a value that must be there is not
 */
export function interpolate(text: string, to: Interpolation, depth = 0): string {
  if (depth > DEEPEST) throw invalid(text, "variables are nested too deeply");
  let out = "";
  for (let at = 0; at < text.length;) {
    const dollar = text.indexOf("$", at);
    if (dollar < 0) return out + text.slice(at);
    out += text.slice(at, dollar);
    const { value, end } = replaceAt(text, dollar, { ...to, depth });
    out += value;
    at = end;
  }
  return out;
}

/** All strings in a parsed document with their variables replaced; keys stay. */
export function interpolateAll(value: unknown, to: Interpolation): unknown {
  if (typeof value === "string") return interpolate(value, to);
  if (Array.isArray(value)) return value.map((item) => interpolateAll(item, to));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolateAll(item, to)]));
}

function replaceAt(
  text: string,
  dollar: number,
  to: Interpolation & { depth: number },
): { value: string; end: number } {
  const next = text[dollar + 1] ?? "";
  if (next === "$") return { value: "$", end: dollar + 2 };
  if (next === "{") {
    const end = closing(text, dollar + 1);
    return { value: expression(text.slice(dollar + 2, end), to), end: end + 1 };
  }
  const name = NAME.exec(text.slice(dollar + 1))?.[0];
  if (name === undefined) throw invalid(text, "a dollar stands for itself when it is written twice: $$");
  return { value: valueOf(name, to) ?? "", end: dollar + 1 + name.length };
}

/** Where the brace that opens at `open` closes. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text.startsWith("${", at)) at++;
    if (text[at] === "{") depth++;
    if (text[at] === "}" && --depth === 0) return at;
  }
  throw invalid(text, "a ${ has no }");
}

function expression(inner: string, to: Interpolation & { depth: number }): string {
  const [, name, rest = ""] = /^([A-Za-z_]\w*)([\s\S]*)$/.exec(inner) ?? [];
  if (name === undefined) throw invalid(`\${${inner}}`, "no name of a variable");
  if (rest === "") return valueOf(name, to) ?? "";
  const operator = /^:?[-+?]/.exec(rest)?.[0];
  if (operator === undefined) throw invalid(`\${${inner}}`, "an operator is one of :- - :+ + :? ?");
  const given = own(to.variables, name);
  const value = operator.startsWith(":") && given === "" ? undefined : given;
  return apply(operator.slice(-1), {
    name,
    value,
    operand: () => interpolate(rest.slice(operator.length), to, to.depth + 1),
  });
}

function apply(
  operator: string,
  { name, value, operand }: { name: string; value: string | undefined; operand(): string },
): string {
  if (operator === "+") return value === undefined ? "" : operand();
  if (value !== undefined) return value;
  if (operator === "-") return operand();
  throw new PodexecError("INVALID_PARAMS", `the variable ${name} is needed: ${operand() || "it has no value"}`, {
    hint: "Give it in `env`, or in the file .env beside the compose file.",
  });
}

function valueOf(name: string, to: Interpolation): string | undefined {
  const value = own(to.variables, name);
  if (value === undefined) to.missing(name);
  return value;
}

function own(variables: Variables, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}

function invalid(text: string, why: string): PodexecError {
  return new PodexecError("INVALID_PARAMS", `wrong variable in ${JSON.stringify(text.slice(0, 80))}: ${why}`);
}

/**
 * The variables of an env file: `NAME=value`, comments, `export`, quotes; `$NAME` of earlier lines and of `outer` is
 * replaced but in single quotes. A name alone takes its value from `outer`, where it has one.
 *
 * @throws PodexecError INVALID_PARAMS with the number of the line
 */
export function parseEnvFile(text: string, file: string, outer: Variables = {}): Record<string, string> {
  const found = new Map<string, string>();
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = (lines[at] ?? "").trim().replace(/^export\s+/, "");
    if (line === "" || line.startsWith("#")) continue;
    const { name, value } = splitLine(line, `${file}: line ${at + 1}`);
    if (value === undefined) {
      const inherited = own(outer, name);
      if (inherited !== undefined) found.set(name, inherited);
      continue;
    }
    // A value in quotes may go on in the next lines.
    const more = continued(value, lines.slice(at + 1));
    at += more.length;
    const variables = { ...outer, ...Object.fromEntries(found) };
    found.set(name, envValue([value, ...more].join("\n"), { variables, missing: () => {} }));
  }
  return Object.fromEntries(found);
}

function splitLine(line: string, where: string): { name: string; value: string | undefined } {
  const [, name, equals, value = ""] = /^([A-Za-z_][\w.-]*)\s*(=?)\s*(.*)$/.exec(line) ?? [];
  if (name === undefined || (equals === "" && value !== ""))
    throw new PodexecError("INVALID_PARAMS", `${where} is not NAME=value`);
  return { name, value: equals === "" ? undefined : value };
}

/** The lines that still belong to a value whose quote is open. */
function continued(value: string, next: readonly string[]): string[] {
  const quote = /^["']/.exec(value)?.[0];
  if (quote === undefined || isClosed(value, quote)) return [];
  const end = next.findIndex((_, at) => isClosed([value, ...next.slice(0, at + 1)].join("\n"), quote));
  return next.slice(0, end + 1);
}

function isClosed(raw: string, quote: string): boolean {
  return quote === "'" ? /^'[^']*'/.test(raw) : /^"(?:[^"\\]|\\[\s\S])*"/.test(raw);
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function envValue(raw: string, to: Interpolation): string {
  const single = /^'([^']*)'/.exec(raw)?.[1];
  if (single !== undefined) return single;
  const double = /^"((?:[^"\\]|\\[\s\S])*)"/.exec(raw)?.[1];
  if (double === undefined) return interpolate(raw.replace(/\s+#.*$/, "").trim(), to);
  const protectedDollars = double.replaceAll("\\$", "$$$$");
  return interpolate(protectedDollars, to).replace(/\\([\s\S])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}
