import { basename } from "node:path";
import { isMap, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { PodexecError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** The values of a file by option, each with the line it stands on. */
export type FileValues = ReadonlyMap<string, { value: unknown; origin: string }>;

/**
 * Reads a configuration file: YAML (or JSON, which is YAML), one mapping of option names to values.
 *
 * @throws PodexecError INVALID_CONFIG naming the file and the line
 */
export function readConfigFile(path: string, known: readonly string[], readFile: (path: string) => string): FileValues {
  const lines = new LineCounter();
  const document = parseDocument(contentOf(path, readFile), { lineCounter: lines, uniqueKeys: true });
  const [problem] = document.errors;
  if (problem)
    throw invalid(`${path}:${problem.linePos?.[0].line ?? 1}`, problem.message.split("\n")[0] ?? "is no YAML");
  return new Map(
    entries(document, path).map(({ name, offset, value }) => {
      const origin = `${basename(path)}:${lines.linePos(offset).line}`;
      if (!known.includes(name)) throw unknown(name, origin, known);
      return [name, { value, origin }];
    }),
  );
}

interface Entry {
  name: string;
  offset: number;
  value: unknown;
}

function entries(document: Document, path: string): Entry[] {
  const { contents } = document;
  if (contents === null) return [];
  if (!isMap(contents)) throw invalid(path, "holds no mapping of options to values");
  const plain = plainValues(document, path);
  return contents.items.flatMap(({ key }) => {
    if (!isScalar(key)) return [];
    const name = String(key.value);
    // A key without a value is as good as none.
    return plain[name] === null ? [] : [{ name, offset: key.range?.[0] ?? 0, value: plain[name] }];
  });
}

function plainValues(document: Document, path: string): Record<string, unknown> {
  try {
    return document.toJS() as Record<string, unknown>;
  } catch (cause) {
    throw invalid(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function contentOf(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (cause) {
    throw new PodexecError("INVALID_CONFIG", `the configuration file ${path} cannot be read`, {
      details: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

function unknown(name: string, origin: string, known: readonly string[]): PodexecError {
  const meant = nearest(name, known);
  return new PodexecError("INVALID_CONFIG", `${origin}: there is no option "${name}"`, {
    hint: meant
      ? `Did you mean ${meant}?`
      : "`podexec serve --help` shows every option; a file has them without dashes.",
  });
}

function invalid(where: string, message: string): PodexecError {
  return new PodexecError("INVALID_CONFIG", `${where}: ${message}`);
}
