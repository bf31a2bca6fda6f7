import { z } from "zod";
import { sandboxField } from "../fields.ts";
import { filePath, sandboxFields, sandboxOutput, withFacts } from "../file-answers.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  path: filePath("path", "The file, link or folder."),
  recursive: z.boolean().default(false).describe("Delete a folder with everything in it."),
  sandbox: sandboxField,
});

const output = z.object({
  deleted: z.int().describe("How many files and folders went."),
  ...sandboxOutput,
});

export const fileDelete = defineTool({
  name: "file_delete",
  title: "Delete a file or folder",
  description:
    "Delete a file, a link or a folder (with `recursive`) in the sandbox. Links are not followed, and nothing that is " +
    "mounted is deleted, /workspace itself included.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run(args, { caller, signal, services }) {
    const acquired = await services.registry.acquire(caller, args.sandbox, signal);
    const deleted = await acquired.sandbox.files.delete(args.path, { recursive: args.recursive, signal });
    const structured = { deleted, ...sandboxFields(acquired) };
    const what = deleted === 1 ? "deleted" : `deleted ${deleted} files and folders:`;
    return { structured, text: withFacts(`${what} ${args.path}`, [], structured) };
  },
});
