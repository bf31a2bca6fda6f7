/** Searching the files of a sandbox: with its own ripgrep, else with what the agent has built in. */
import { PodexecError } from "../../errors.ts";
import { askInTime, choiceFields, cutOf, wide, type Asks, type Choice, type Cut } from "./list.ts";
import { FilesType, type Fields, type SandboxPath } from "./wire.ts";
import { Found, type FoundLine } from "./found.ts";
import { NotRipgrep, RipgrepReader } from "./ripgrep.ts";

export interface SearchOptions extends Choice {
  /** The pattern is meant as it stands. Default false: a regular expression as ripgrep has them. */
  literal?: boolean;
  /** Default `sensitive`; `smart`: insensitive unless the pattern has a capital letter. */
  case?: "sensitive" | "insensitive" | "smart";
  /** Lines to show before and after each match. Default 0. */
  before?: number;
  after?: number;
  /** Matching lines at most, in all. Default 1,000. */
  limit?: number;
  /** Matching lines at most, one file. */
  perFile?: number;
  /** `built-in` even where there is a ripgrep. Default `any`. */
  engine?: "any" | "built-in";
}

export interface SearchResult {
  /** Of the folder that was searched, absolute and without links. */
  path: string;
  engine: "ripgrep" | "built-in";
  /** Matching lines and their context, file by file. */
  lines: FoundLine[];
  /** How many of them match. */
  matches: number;
  cut?: Cut;
  /** Files and folders that could not be read; ripgrep does not count them. */
  unreadable: number;
}

const CASES = { sensitive: 0, insensitive: 1, smart: 2 } as const;

/**
 * Searches a file, or the files below a folder, in the order of their paths. Links are not followed.
 *
 * @throws PodexecError INVALID_PARAMS for a pattern that is none, FILE_NOT_FOUND, FILE_ERROR, CANCELLED, SANDBOX_GONE,
 *   SANDBOX_BUSY, AGENT_PROTOCOL
 */
export async function searchFiles(
  files: Asks,
  { pattern, path }: { pattern: string; path: SandboxPath },
  options: SearchOptions = {},
): Promise<SearchResult> {
  const found = new Found(options.limit ?? 1_000, options.after);
  const reader = new RipgrepReader(found);
  let root = "";
  const asked = {
    type: FilesType.SEARCH,
    fields: searchFields(pattern, path, options),
    isSafe: true,
    onInfo: (info: Fields) => (root = info.text(9).replace(/(.)\/$/, "$1")),
    onItem: (item: Fields) => found.takeItem(item),
    onChunk: (bytes: Uint8Array) => reader.push(bytes),
  };
  try {
    const done = await askInTime(files, asked, { doing: "search", path, ...options });
    if (done.has(16)) reader.end(done, pattern);
    return resultOf(found, root, done);
  } catch (error) {
    if (error === found.enough) return resultOf(found, root);
    if (!(error instanceof NotRipgrep)) throw error;
    if (options.engine === "built-in") throw new PodexecError("AGENT_PROTOCOL", "the agent ran what it should not");
    return searchFiles(files, { pattern, path }, { ...options, engine: "built-in" });
  }
}

function searchFields(pattern: string, path: SandboxPath, options: SearchOptions) {
  const { literal = false, before = 0, after = 0, limit = 1_000, perFile } = options;
  return [
    ...choiceFields(path, options),
    // One more than is wanted tells whether there are more.
    wide(20, limit + 1),
    [21, pattern] as const,
    [22, literal] as const,
    wide(23, CASES[options.case ?? "sensitive"]),
    wide(24, before),
    wide(25, after),
    perFile === undefined ? undefined : wide(26, perFile),
    [27, options.engine === "built-in"] as const,
  ];
}

function resultOf(found: Found, path: string, done?: Fields): SearchResult {
  const cut = found.cut ?? (done && cutOf(done));
  return {
    path,
    engine: found.engine ?? (done?.has(16) ? "ripgrep" : "built-in"),
    lines: found.lines,
    matches: found.matches,
    ...(cut ? { cut } : {}),
    unreadable: done?.has(6) ? done.number(6) : 0,
  };
}
