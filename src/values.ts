/** The kinds of values that an option can have. A schema's description ends the sentence "... is not". */
import { statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

/** A folder of the host that sandboxes see as /workspace. */
export interface Workspace {
  /** Absolute. */
  path: string;
  readOnly: boolean;
}

const SWITCH: Record<string, boolean> = {
  "1": true,
  true: true,
  yes: true,
  on: true,
  "0": false,
  false: false,
  no: false,
  off: false,
};

/** A number from a flag, a variable or a file, as text. */
const word = z.union([z.string().trim().min(1), z.number().transform(String)]);

/** What `read` makes of a word; `undefined` refuses it. */
function read<Value>(description: string, reader: (text: string) => Value | undefined): z.ZodType<Value> {
  return word
    .transform((text, context) => {
      const value = reader(text);
      if (value !== undefined) return value;
      context.issues.push({ code: "custom", input: text, message: `is not ${description}` });
      return z.NEVER;
    })
    .describe(description);
}

/** Any text but none. */
export const text = (description: string) => word.describe(description);

/** A decimal number from `least` to `most`. */
export const number = (least: number, most: number) =>
  read(`a number from ${least} to ${most}`, (word) => inRange(decimal(word), least, most));

/** A whole number from `least` to `most`. */
export const integer = (least: number, most: number) =>
  read(`a whole number from ${least} to ${most}`, (word) => {
    const value = inRange(decimal(word), least, most);
    return Number.isInteger(value) ? value : undefined;
  });

/** Bytes, written as `2g`. */
export const size = (least: number, most: number) =>
  read(`a size from ${formatSize(least)} to ${formatSize(most)}, such as 512m or 2g`, (word) =>
    inRange(parseSize(word), least, most),
  );

/** Milliseconds, written as `10m`. */
export const duration = (least: number, most: number) =>
  read(`a duration from ${formatDuration(least)} to ${formatDuration(most)}, such as 90s, 10m or 1h30m`, (word) =>
    inRange(parseDuration(word), least, most),
  );

/** Yes or no. */
export const toggle: z.ZodType<boolean> = z
  .union([z.boolean(), read("", (word) => SWITCH[word.toLowerCase()])])
  .describe("one of true, false, yes, no, on, off, 1, 0");

/** A path, made absolute from the current folder; `~` is the home folder. */
export const path = (description: string) => read(description, absolute);

/** A folder that exists, `:ro` behind it for read-only; a path may have colons. */
export const workspace = read<Workspace>("a folder that exists, with :ro behind it to be read-only", (word) => {
  const mode = /:(ro|rw)$/.exec(word);
  const folder = absolute(mode ? word.slice(0, -3) : word);
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? { path: folder, readOnly: mode?.[1] === "ro" } : undefined;
});

/** A folder that exists. */
export const folder = read("a folder that exists", (word) => {
  const path = absolute(word);
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : undefined;
});

/** The origin of a web page, as browsers send it. */
export const origin = read("an origin such as https://example.org:8443", (word) => {
  const url = URL.parse(word);
  return url !== null && url.origin === word && url.origin !== "null" ? word : undefined;
});

/** A host name or address, without a scheme and a path, with or without a port. */
export const hostname = read("a host name or address, such as example.org or example.org:8000", (word) =>
  /^(\[[0-9a-f:.]+\]|[\w.:-]+)$/i.test(word) ? word : undefined,
);

/** A list of values; one value alone is a list of one. */
export function list<Value>(item: z.ZodType<Value>): z.ZodType<Value[]> {
  const one = item.transform((value) => [value]);
  return z.union([z.array(item), one]).describe(item.description ?? "");
}

/** Environment variables: `NAME=value` words, or a mapping in a file. */
export const variables: z.ZodType<Record<string, string>> = z
  .union([
    z.array(z.string()).transform((words) => words.map(splitVariable)),
    z.record(z.string(), word).transform((mapping) => Object.entries(mapping)),
  ])
  .refine((pairs) => pairs.every(([name, value]) => /^[A-Za-z_]\w*$/.test(name) && !value.includes("\0")))
  .transform((pairs) => Object.fromEntries(pairs))
  .describe("NAME=value, the name of letters, digits and _");

function splitVariable(word: string): [string, string] {
  const equals = word.indexOf("=");
  return equals < 0 ? ["", word] : [word.slice(0, equals), word.slice(equals + 1)];
}

function decimal(word: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(word) ? Number(word) : undefined;
}

function inRange(value: number | undefined, least: number, most: number): number | undefined {
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

function absolute(word: string): string {
  if (word === "~") return homedir();
  return resolve(/^~[/\\]/.test(word) ? join(homedir(), word.slice(2)) : word);
}

/** A secret of at least 16 characters, as HTTP carries it in a header. */
export const token: z.ZodType<string> = z
  .string()
  .regex(/^[\x21-\x7e]{16,1024}$/)
  .describe("a token: 16 to 1024 printable characters without spaces");
