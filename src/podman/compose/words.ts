/** Small pieces in which compose files are written: words of a command line, durations, sizes. */
import { PodexecError } from "../../errors.ts";

/**
 * The words of a command line as a shell splits them: quotes and backslashes, no expansion.
 *
 * @throws PodexecError INVALID_PARAMS where a quote is left open
 */
export function splitWords(line: string, where: string): string[] {
  const words: string[] = [];
  const piece = /(\s+)|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+)/y;
  let word: string | undefined;
  for (let at = 0; at < line.length; at = piece.lastIndex) {
    piece.lastIndex = at;
    const match = piece.exec(line);
    if (!match) throw new PodexecError("INVALID_PARAMS", `${where}: a quote is left open`);
    const [, space, single, double, escaped, plain] = match;
    if (space === undefined) {
      word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? "");
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `1m30s`; a number alone is microseconds in the specification and seconds in no file: refused. */
export function milliseconds(text: string, where: string): number {
  if (!/^(\d+(\.\d+)?(us|ms|s|m|h|d))+$/.test(text)) {
    throw new PodexecError(
      "INVALID_PARAMS",
      `${where}: ${JSON.stringify(text)} is not a duration such as 30s or 1m30s`,
    );
  }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h|d)/g)];
  return parts.reduce((sum, [, number, unit = "s"]) => sum + Number(number) * (UNITS[unit] ?? 0), 0);
}

/** Bytes as Podman takes them, of `512M`, `1gb` or a number. */
export function size(value: string | number, where: string): string {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*(b|k|kb|m|mb|g|gb|t|tb)?$/i.exec(String(value)) ?? [];
  if (number === undefined) {
    throw new PodexecError("INVALID_PARAMS", `${where}: ${JSON.stringify(value)} is not a size such as 512m`);
  }
  const power = "bkmgt".indexOf(unit.slice(0, 1).toLowerCase() || "b");
  return String(Math.round(Number(number) * 1024 ** power));
}

/** One value of `--mount` is a line of CSV (RFC 4180): a field with a comma or a quote stands in quotes. */
export function csvLine(fields: readonly string[]): string {
  return fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",");
}
