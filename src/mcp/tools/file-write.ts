import { z } from "zod";
import { sandboxField } from "../fields.ts";
import { exactText, filePath, octal, sandboxFields, sandboxOutput, withFacts } from "../file-answers.ts";
import { defineTool } from "../tool.ts";

const input = z
  .strictObject({
    path: filePath("path", "The file."),
    content: exactText("content").optional().describe("The whole new content, as text."),
    content_base64: z.base64().optional().describe("The same for binary content. Give one of the two."),
    if_exists: z
      .enum(["replace", "append", "fail"])
      .default("replace")
      .describe("What to do with an existing file: `replace` (atomic; mode and owner stay), `append`, or `fail`."),
    mode: z
      .string()
      .regex(/^[0-7]{3,4}$/, "permission bits as three or four octal digits, such as 0755")
      .optional()
      .describe("Permission bits, octal: `0755` for a script. Default: the existing file's, else 0644."),
    create_folders: z.boolean().default(true).describe("Make the folders above that are missing."),
    sandbox: sandboxField,
  })
  .refine((args) => (args.content === undefined) !== (args.content_base64 === undefined), {
    message: "give either content or content_base64",
    path: ["content"],
  });

const output = z.object({
  path: z.string().describe("The file's absolute path, without links."),
  created: z.boolean().describe("Whether there was no such file."),
  written_bytes: z.int(),
  total_bytes: z.int().describe("The file's size now."),
  mode: z.string().describe("Permission bits, octal."),
  ...sandboxOutput,
});

export const fileWrite = defineTool({
  name: "file_write",
  title: "Write a file",
  description:
    "Write a whole file in the sandbox, text or binary, exactly as given: no quoting, no here-document. " +
    "An existing file is replaced at once (readers never see a half), keeping mode and owner; missing folders are made. " +
    "To change a part of a file use file_edit.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async run(args, { caller, signal, services }) {
    const acquired = await services.registry.acquire(caller, args.sandbox, signal);
    const content = Buffer.from(
      args.content ?? args.content_base64 ?? "",
      args.content === undefined ? "base64" : "utf8",
    );
    const written = await acquired.sandbox.files.write(args.path, content, {
      how: args.if_exists === "fail" ? "create" : args.if_exists,
      createFolders: args.create_folders,
      ...(args.mode === undefined ? {} : { mode: Number.parseInt(args.mode, 8) }),
      signal,
    });
    const { info } = written;
    const structured = {
      path: info.path ?? args.path,
      created: written.isNew,
      written_bytes: written.bytes,
      total_bytes: info.size,
      mode: octal(info.mode),
      ...sandboxFields(acquired),
    };
    const did = args.if_exists === "append" ? "appended" : written.isNew ? "wrote new file," : "replaced,";
    const text = `${did} ${structured.written_bytes} bytes: ${structured.path} (mode ${structured.mode})`;
    return { structured, text: withFacts(text, [], structured) };
  },
});
