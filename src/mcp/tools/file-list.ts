import { z } from "zod";
import type { ListEntry, Listing } from "../../sandbox/files/list.ts";
import { bytesOf, sandboxField, textWithoutNul } from "../fields.ts";
import { filePath, octal, sandboxFields, sandboxOutput, withFacts } from "../file-answers.ts";
import { defineTool } from "../tool.ts";
import { treeText } from "../tree.ts";

const DEPTH = 3;
const MOST_DEPTH = 100;
const LIMIT = 500;
const MOST_LIMIT = 10_000;
const MOST_GLOB = 1_000;

const input = z.strictObject({
  path: filePath("path", "The folder.").default("/workspace"),
  depth: z.int().min(1).max(MOST_DEPTH).default(DEPTH).describe("Levels of folders. 1: the folder's own entries."),
  limit: z.int().min(1).max(MOST_LIMIT).default(LIMIT).describe("Entries at most; upper levels come first."),
  hidden: z.boolean().default(false).describe("Names that begin with a dot too."),
  ignore: z.boolean().default(true).describe("Leave out what .gitignore and .ignore files name, and .git."),
  pattern: textWithoutNul("pattern")
    .min(1, "pattern must not be empty")
    .max(MOST_GLOB)
    .optional()
    .describe("A glob of what to show, such as `*.ts` or `src/**/*.{c,h}`. Default: everything."),
  sandbox: sandboxField,
});

const output = z.object({
  path: z.string().describe("The folder, absolute and without links."),
  entries: z.array(
    z.object({
      path: z.string().describe("Relative to the folder."),
      type: z.string().describe("file, folder, link, fifo, socket, character device, block device."),
      size: z.int(),
      mode: z.string().describe("Permission bits, octal."),
      modified: z.string().optional(),
      target: z.string().optional().describe("Of a link."),
    }),
  ),
  truncated: z.enum(["limit", "time", "size"]).optional().describe("Why not everything is there."),
  unreadable: z.array(z.object({ path: z.string(), error: z.string() })).describe("Folders that cannot be read."),
  ...sandboxOutput,
});

export const fileList = defineTool({
  name: "file_list",
  title: "List files",
  description:
    "Show the tree below a folder of the sandbox, as a text and as entries with type, size, mode and time. " +
    "Leaves out hidden files and what .gitignore names unless told otherwise; never follows links. " +
    "Of a large tree the upper levels are shown, and the answer says what is left out: " +
    "then name a folder further down, a `pattern`, or a larger `limit`.",
  input,
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, { caller, signal, services }) {
    const acquired = await services.registry.acquire(caller, args.sandbox, signal);
    const { path, depth, limit, hidden, ignore, pattern } = args;
    const globs = pattern === undefined ? {} : { globs: [pattern] };
    const whole = await acquired.sandbox.files.list(path, { depth, limit, hidden, ignore, ...globs, signal });
    const listing = bounded(whole, services.limits.outputBytes);
    const structured = {
      path: listing.path,
      entries: listing.entries.map((entry) => toStructured(entry)),
      ...(listing.cut ? { truncated: listing.cut } : {}),
      unreadable: [...listing.unreadable].map(([path, error]) => ({ path, error })),
      ...sandboxFields(acquired),
    };
    return { structured, text: withFacts(treeText(listing), factsOf(listing, args), structured) };
  },
});

/** What an entry takes besides its names, as JSON. */
const ENTRY_BYTES = 120;

/** As many entries as fit into an answer. */
function bounded(listing: Listing, most: number): Listing {
  let held = 0;
  const fits = ({ path, target }: ListEntry) => (held += ENTRY_BYTES + bytesOf(path) + bytesOf(target ?? "")) <= most;
  const end = listing.entries.findIndex((entry) => !fits(entry));
  const omitted = new Map([...listing.omitted].filter(([path]) => fits({ path } as ListEntry)));
  const unreadable = new Map([...listing.unreadable].filter(([path]) => fits({ path } as ListEntry)));
  const entries = end < 0 ? listing.entries : listing.entries.slice(0, end);
  return { ...listing, entries, omitted, unreadable, ...(end < 0 ? {} : { cut: "limit" as const }) };
}

function toStructured(entry: ListEntry) {
  const date = new Date(entry.modifiedMs);
  return {
    path: entry.path,
    type: entry.kind,
    size: entry.size,
    mode: octal(entry.mode),
    ...(Number.isNaN(date.getTime()) ? {} : { modified: date.toISOString() }),
    ...(entry.target === undefined ? {} : { target: entry.target }),
  };
}

const CUTS = {
  limit: "the limit is reached: the rest is left out; name a folder further down, a pattern, or a larger limit",
  time: "it took too long: the rest is left out; name a folder further down",
  size: "the tree is too large or too deep: some of it is left out",
} as const;

function factsOf(listing: Listing, { hidden, ignore }: z.infer<typeof input>): (string | undefined)[] {
  const why = listing.unreadable.get("");
  const left = [hidden ? "" : "hidden", ignore ? "ignored" : ""].filter(Boolean).join(" or ");
  const nothing = left ? `nothing there that is not ${left}` : "nothing there";
  return [
    why ? `the folder cannot be read: ${why}` : undefined,
    listing.entries.length === 0 && !why ? nothing : undefined,
    listing.cut && CUTS[listing.cut],
  ];
}
