import { z } from "zod";
import { searchOutput } from "../../sandbox/output/output-search.ts";
import { commandOf } from "../command-of.ts";
import { idField } from "../command-fields.ts";
import { bytesOf, sandboxField } from "../fields.ts";
import { defineTool } from "../tool.ts";

const MAX_PATTERN = 1_000;
const MAX_MATCHES = 500;
const offset = z.int().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).optional();

const input = z.strictObject({
  id: idField,
  from: offset.describe("First byte. Negative: so many bytes from the end. Default: 0; with `to` left out, a page."),
  to: offset.describe("Byte to stop before. Negative: from the end."),
  grep: z
    .string()
    .min(1)
    .refine((text) => bytesOf(text) <= MAX_PATTERN, `at most ${MAX_PATTERN} bytes`)
    .refine((text) => !text.includes("\n"), "one line")
    .optional()
    .describe("Only the lines that contain this text, literally (no regular expression), within `from` and `to`."),
  ignore_case: z.boolean().optional().describe("With `grep`: ASCII letters match in either case."),
  sandbox: sandboxField,
});

const output = z.object({
  id: z.string(),
  output: z
    .string()
    .describe("The part, or the lines that match, each after its number of the first byte and a colon."),
  from: z.int(),
  to: z.int().describe("The byte after the last one that was looked at: go on there."),
  total_bytes: z.int().describe("Bytes of output in all, so far."),
  matches: z.int().optional().describe("Lines that match, among those that were looked at."),
  running: z.boolean(),
  sandbox: z.string(),
});

export const shellOutput = defineTool({
  name: "shell_output",
  title: "Read a part of a command's output",
  description:
    "Read any part of a command's output, also of one that has ended: by bytes (`from: -4000` for the end), or only the " +
    "lines that contain a text (`grep`). Use it instead of running a long command again with a filter.",
  input,
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, context) {
    const { command, sandbox } = await commandOf(args, context);
    const total = await command.output.length();
    const place = (at: number) => Math.min(total, Math.max(0, at < 0 ? total + at : at));
    const from = place(args.from ?? 0);
    const to = Math.max(from, place(args.to ?? total));
    const limit = context.services.limits.outputBytes;
    const found =
      args.grep === undefined
        ? await readPart(command, { from, to, limit })
        : await searchOutput(command, args.grep, {
            from,
            to,
            limit,
            maxMatches: MAX_MATCHES,
            ignoreCase: args.ignore_case ?? false,
            signal: context.signal,
          });
    const { text, end, matches } = found;
    const structured = {
      id: command.name,
      output: text,
      from,
      to: end,
      total_bytes: total,
      ...(matches === undefined ? {} : { matches }),
      running: command.isRunning,
      sandbox: sandbox.handle,
    };
    const counted = matches === undefined ? "" : `${matches} matching lines in `;
    const rest = end < to ? `; more from ${end}` : "";
    const separator = text === "" || text.endsWith("\n") ? "" : "\n";
    return { structured, text: `${text}${separator}[${counted}bytes ${from} to ${end} of ${total}${rest}]` };
  },
});

async function readPart(
  command: Awaited<ReturnType<typeof commandOf>>["command"],
  { from, to, limit }: { from: number; to: number; limit: number },
): Promise<{ text: string; end: number; matches?: number }> {
  const page = await command.page(from, { waitMs: 0, until: "output", limit: Math.min(limit, to - from) });
  return { text: page.text, end: page.cursor };
}
