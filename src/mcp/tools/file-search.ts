import { z } from "zod";
import type { SearchResult } from "../../sandbox/files/search.ts";
import type { FoundLine } from "../../sandbox/files/found.ts";
import { bytesOf, sandboxField, textWithoutNul } from "../fields.ts";
import { filePath, sandboxFields, sandboxOutput, withFacts } from "../file-answers.ts";
import { defineTool } from "../tool.ts";
import { quoted } from "../tree.ts";

const LIMIT = 200;
const MOST_LIMIT = 5_000;
const MOST_CONTEXT = 20;
const MOST_PATTERN = 4_096;
const MOST_GLOBS = 50;
const MOST_GLOB = 1_000;
const TIME_MS = 20_000;
const MOST_TIME_MS = 120_000;

const oneLine = (what: string) =>
  textWithoutNul(what)
    .min(1, `${what} must not be empty`)
    .refine((text) => !text.includes("\n"), `${what} must be one line: matches do not go beyond one`);

const input = z.strictObject({
  pattern: oneLine("pattern")
    .refine((text) => bytesOf(text) <= MOST_PATTERN, `a pattern may have at most ${MOST_PATTERN} bytes`)
    .describe("A regular expression as ripgrep has them (no look-around, no backreferences)."),
  path: filePath("path", "The folder, or one file.").default("/workspace"),
  literal: z.boolean().default(false).describe("The pattern is meant as it stands."),
  case: z
    .enum(["sensitive", "insensitive", "smart"])
    .default("sensitive")
    .describe("smart: insensitive unless the pattern has a capital letter."),
  globs: z
    .array(textWithoutNul("a glob").min(1, "a glob must not be empty").max(MOST_GLOB))
    .max(MOST_GLOBS)
    .optional()
    .describe("Which files, such as `*.ts`; with `!` in front what to leave out, such as `!test/**`."),
  context: z.int().min(0).max(MOST_CONTEXT).default(0).describe("Lines to show before and after each match."),
  limit: z.int().min(1).max(MOST_LIMIT).default(LIMIT).describe("Matching lines at most, in all."),
  per_file: z.int().min(1).max(MOST_LIMIT).optional().describe("Matching lines at most, one file. Default: no limit."),
  hidden: z.boolean().default(false).describe("Names that begin with a dot too."),
  ignore: z.boolean().default(true).describe("Leave out what .gitignore and .ignore files name, and .git."),
  timeout_ms: z.int().min(1).max(MOST_TIME_MS).default(TIME_MS).describe("Then what was found so far is the answer."),
  sandbox: sandboxField,
});

const output = z.object({
  path: z.string().describe("The folder that was searched, absolute and without links."),
  matches: z.array(
    z.object({
      path: z.string().describe("Relative to the folder."),
      line: z.int().describe("From 1 on."),
      column: z.int().describe("Where the first match begins, in bytes from 1 on."),
      text: z.string().describe("The line; of a long one the part around the first match."),
      before: z.array(z.string()).optional(),
      after: z.array(z.string()).optional(),
    }),
  ),
  files: z.int().describe("Files with matches, of those that are shown."),
  truncated: z.enum(["limit", "time", "size"]).optional().describe("Why there may be more."),
  unreadable: z.int().describe("Files and folders that could not be read; ripgrep does not count them."),
  engine: z.enum(["ripgrep", "built-in"]).describe("The sandbox's ripgrep, or podexec's own where there is none."),
  ...sandboxOutput,
});

type Structured = z.infer<typeof output>;

export const fileSearch = defineTool({
  name: "file_search",
  title: "Search in files",
  description:
    "Search the files below a folder of the sandbox for a regular expression or a text, as ripgrep does. " +
    "Leaves out binary and hidden files and what .gitignore names unless told otherwise; never follows links. " +
    "The answer is bounded: narrow it down with `path`, `globs` or a more exact `pattern`.",
  input,
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, { caller, signal, services }) {
    const acquired = await services.registry.acquire(caller, args.sandbox, signal);
    const { pattern, path, literal, hidden, ignore, limit, globs = [], context, per_file: perFile } = args;
    const found = await acquired.sandbox.files.search(pattern, path, {
      ...{ literal, hidden, ignore, limit, globs, signal, case: args.case, timeMs: args.timeout_ms },
      before: context,
      after: context,
      ...(perFile === undefined ? {} : { perFile }),
    });
    const kept = bounded(found, services.limits.outputBytes);
    const structured: Structured = {
      path: kept.path,
      matches: matchesOf(kept.lines, context),
      files: new Set(kept.lines.map(({ path }) => path)).size,
      ...(kept.cut ? { truncated: kept.cut } : {}),
      unreadable: kept.unreadable,
      engine: kept.engine,
      ...sandboxFields(acquired),
    };
    return { structured, text: withFacts(textOf(kept), factsOf(kept), structured) };
  },
});

/** What a line takes besides its names and text, as JSON. */
const LINE_BYTES = 60;

function bounded(found: SearchResult, most: number): SearchResult {
  let held = 0;
  const end = found.lines.findIndex(({ path, text }) => (held += LINE_BYTES + bytesOf(path) + bytesOf(text)) > most);
  return end < 0 ? found : { ...found, lines: found.lines.slice(0, end), cut: "limit" };
}

/** Matches with the lines around them: each belongs to the match before it, if that is near enough, else to the next. */
function matchesOf(lines: readonly FoundLine[], context: number): Structured["matches"] {
  const matches: Structured["matches"] = [];
  let waiting: FoundLine[] = [];
  for (const line of lines) {
    const last = matches.at(-1);
    if (line.column !== undefined) {
      const before = waiting.filter(({ path }) => path === line.path).map(shownText);
      const around = before.length > 0 ? { before } : {};
      matches.push({ path: line.path, line: line.line, column: line.column, text: shownText(line), ...around });
      waiting = [];
    } else if (last?.path === line.path && line.line - last.line <= context) {
      (last.after ??= []).push(shownText(line));
    } else {
      waiting.push(line);
    }
  }
  return matches;
}

function shownText({ text, cutBefore, cutAfter }: FoundLine): string {
  return `${cutBefore ? "..." : ""}${text}${cutAfter ? "..." : ""}`;
}

/** As ripgrep prints for a terminal: the file, below it `line:match` and `line-context`, `--` where lines are left out. */
function textOf({ path, lines }: SearchResult): string {
  const told: string[] = [];
  const isApart = lines.some(({ column }) => column === undefined);
  lines.forEach((line, at) => {
    const previous = lines[at - 1];
    const isFirst = previous?.path !== line.path;
    if (isFirst) told.push(`${at > 0 ? "\n" : ""}${quoted(`${path.replace(/\/$/, "")}/${line.path}`)}`);
    else if (line.line > previous.line + 1 && isApart) told.push("--");
    told.push(`${line.line}${line.column === undefined ? "-" : ":"}${shownText(line)}`);
  });
  return told.join("\n");
}

const CUTS = {
  limit: "the limit is reached: there are more matches; narrow the search down with path, globs or the pattern",
  time: "it took too long: there may be more matches; narrow the search down with path or globs",
  size: "the tree or the output is too large: there may be more matches; narrow the search down with path or globs",
} as const;

function factsOf(found: SearchResult): (string | undefined)[] {
  return [
    found.lines.length === 0 && !found.cut ? `no match in ${quoted(found.path)}` : undefined,
    found.cut && CUTS[found.cut],
    found.unreadable > 0 ? `${found.unreadable} files or folders could not be read` : undefined,
  ];
}
