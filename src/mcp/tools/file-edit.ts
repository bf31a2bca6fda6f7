import { z } from "zod";
import { createPatch } from "diff";
import type { Edit } from "../../sandbox/files/edits.ts";
import { textOf } from "../content.ts";
import { sandboxField } from "../fields.ts";
import { exactText, filePath, sandboxFields, sandboxOutput, withFacts } from "../file-answers.ts";
import { defineTool } from "../tool.ts";

const MOST_EDITS = 100;
const MOST_DIFF = 32 * 1024;
const DIFF_MS = 500;

const replacement = {
  old: exactText("old")
    .min(1, "old must not be empty; file_write makes new files")
    .describe("The text to replace, exactly."),
  new: exactText("new").describe("What takes its place."),
  count: z
    .union([z.int().min(1), z.literal("all")])
    .default(1)
    .describe("How often `old` occurs: all of them are replaced, and another number is an error. Or `all`."),
};
const { old, new: replaced, count } = replacement;

const input = z
  .strictObject({
    path: filePath("path", "The file."),
    edits: z
      .array(z.strictObject(replacement))
      .min(1)
      .max(MOST_EDITS)
      .optional()
      .describe("Replacements, one after the other; all of them happen or none."),
    old: old.optional().describe("For a single replacement in place of `edits`: the text to replace, exactly."),
    new: replaced.optional(),
    count: count.optional(),
    sandbox: sandboxField,
  })
  .refine((args) => (args.edits === undefined) === (args.old !== undefined && args.new !== undefined), {
    message: "give either edits, or old and new",
    path: ["edits"],
  });

const output = z.object({
  path: z.string().describe("The file's absolute path, without links."),
  replaced: z.int().describe("How many places were replaced."),
  diff: z.string().describe("What changed, as a unified diff."),
  total_bytes: z.int().describe("The file's size now."),
  ...sandboxOutput,
});

export const fileEdit = defineTool({
  name: "file_edit",
  title: "Edit a file",
  description:
    "Replace exact text in a file of the sandbox; the result shows the diff. Each `old` has to occur exactly as often as " +
    "`count` says (once unless told otherwise), else nothing changes and the error says where it does occur or what is " +
    "most like it. Safer than sed: no patterns, no escapes, and a change by somebody else meanwhile is never lost.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async run(args, { caller, signal, services }) {
    const acquired = await services.registry.acquire(caller, args.sandbox, signal);
    const edits: Edit[] = args.edits ?? [{ old: args.old ?? "", new: args.new ?? "", count: args.count ?? 1 }];
    const edited = await acquired.sandbox.files.edit(args.path, edits, { signal });
    const structured = {
      path: edited.info.path ?? args.path,
      replaced: edited.replaced,
      diff: diffOf(args.path, edited.before, edited.after),
      total_bytes: edited.info.size,
      ...sandboxFields(acquired),
    };
    const places = edited.replaced === 1 ? "1 place" : `${edited.replaced} places`;
    return { structured, text: withFacts(structured.diff, [`replaced ${places} in ${structured.path}`], structured) };
  },
});

function diffOf(path: string, before: Uint8Array, after: Uint8Array): string {
  const [from, to] = [textOf(before).text, textOf(after).text];
  const patch = createPatch(path.replaceAll(/[\r\n]/g, "?"), from, to, "before", "after", { timeout: DIFF_MS });
  if (patch === undefined) return "(too many changes to show)";
  // The first two lines name the file a second time.
  const shown = patch.split("\n").slice(2).join("\n");
  return shown.length <= MOST_DIFF ? shown : `${shown.slice(0, MOST_DIFF)}\n(the rest of the diff is left out)`;
}
