import { z } from "zod";
import { sandboxField } from "../fields.ts";
import { filePath, sandboxFields, sandboxOutput, withFacts } from "../file-answers.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  from: filePath("from", "The file or folder."),
  to: filePath("to", "Its new path, name included."),
  overwrite: z.boolean().default(false).describe("Replace a file that has the new name."),
  create_folders: z.boolean().default(true).describe("Make the folders above that are missing."),
  sandbox: sandboxField,
});

const output = z.object({
  path: z.string().describe("Where it is now."),
  ...sandboxOutput,
});

export const fileMove = defineTool({
  name: "file_move",
  title: "Move or rename a file or folder",
  description:
    "Move or rename a file or folder in the sandbox. `to` is the whole new path; something that is there already is " +
    "replaced with `overwrite` only.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async run(args, { caller, signal, services }) {
    const acquired = await services.registry.acquire(caller, args.sandbox, signal);
    const options = { overwrite: args.overwrite, createFolders: args.create_folders, signal };
    await acquired.sandbox.files.move(args.from, args.to, options);
    const structured = { path: args.to, ...sandboxFields(acquired) };
    return { structured, text: withFacts(`moved ${args.from} to ${args.to}`, [], structured) };
  },
});
