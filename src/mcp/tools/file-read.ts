import { z } from "zod";
import type { Files, Lines } from "../../sandbox/files/files.ts";
import type { FileInfo } from "../../sandbox/files/wire.ts";
import { imageType, isBinary, textOf } from "../content.ts";
import { sandboxField } from "../fields.ts";
import { filePath, modifiedAt, octal, sandboxFields, sandboxOutput, withFacts } from "../file-answers.ts";
import { defineTool, type Attachment } from "../tool.ts";

const MOST_BYTES = 8 * 1024 * 1024;
const MOST_IMAGE = 5 * 1024 * 1024;
/** What is shown of a binary file unasked. */
const BINARY_HEAD = 1_024;
const NEWLINE = 0x0a;

const input = z
  .strictObject({
    path: filePath("path", "The file."),
    from_line: z
      .int()
      .min(1)
      .max(2 ** 52)
      .optional()
      .describe("The first line, counted from 1. Default: 1."),
    to_line: z
      .int()
      .min(1)
      .max(2 ** 52)
      .optional()
      .describe("The last line. Default: as many as fit into `length`."),
    offset: z
      .int()
      .min(0)
      .max(2 ** 52)
      .optional()
      .describe("Reads bytes instead of lines, from this one on, counted from 0. Not together with lines."),
    length: z
      .int()
      .min(1)
      .max(MOST_BYTES)
      .optional()
      .describe("Bytes at most. Default: the server's limit (256 KiB). The result says where to go on."),
    sandbox: sandboxField,
  })
  .refine((range) => range.offset === undefined || (range.from_line ?? range.to_line) === undefined, {
    message: "give lines or offset, not both",
    path: ["offset"],
  })
  .refine((range) => (range.to_line ?? 2 ** 53) >= (range.from_line ?? 1), {
    message: "to_line lies before from_line",
    path: ["to_line"],
  });

const output = z.object({
  kind: z.enum(["text", "image", "binary"]),
  content: z.string().optional().describe("The text, or base64 of a binary file; an image is attached instead."),
  encoding: z.enum(["utf-8", "base64"]).optional(),
  mime_type: z.string().optional().describe("Of an image."),
  from_line: z.int().optional().describe("The first line in `content`."),
  to_line: z.int().optional().describe("The last line in `content`."),
  total_lines: z.int().optional().describe("Lines of the whole file."),
  offset: z.int().describe("Where `content` begins in the file, in bytes."),
  length: z.int().describe("Bytes of the file that `content` has."),
  total_bytes: z.int(),
  truncated: z.boolean().describe("Whether the file goes on behind `content`."),
  inexact: z.boolean().optional().describe("Some bytes are no UTF-8 and are shown as U+FFFD."),
  mode: z.string().describe("Permission bits, octal."),
  modified: z.string().optional(),
  ...sandboxOutput,
});

type Structured = z.infer<typeof output>;
type Found = Omit<Structured, "sandbox" | "note" | "mode" | "modified"> & { info: FileInfo; image?: Attachment };

export const fileRead = defineTool({
  name: "file_read",
  title: "Read a file",
  description:
    "Read a file of the sandbox: text by lines, an image (PNG, JPEG, GIF, WebP) as an image, anything else as base64. " +
    "Quicker and safer than `cat` in a shell: exact text, no escapes, long files in parts (`from_line`, `to_line`). " +
    "Also reads /proc. Refuses folders (file_list), FIFOs, sockets and devices.",
  input,
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, { caller, signal, services }) {
    const acquired = await services.registry.acquire(caller, args.sandbox, signal);
    const { path, offset, length = services.limits.outputBytes } = args;
    const { files } = acquired.sandbox;
    const found =
      offset === undefined
        ? await readLines(files, { ...args, length, isAsked: args.length !== undefined }, signal)
        : await readBytes(files, { path, offset, length }, signal);
    const { info, image, ...rest } = found;
    const modified = modifiedAt(info);
    const about = { mode: octal(info.mode), ...(modified ? { modified } : {}), ...sandboxFields(acquired) };
    const structured: Structured = { ...rest, ...about };
    return { structured, text: toText(structured, args.path), ...(image ? { attachments: [image] } : {}) };
  },
});

interface Bytes {
  path: string;
  offset: number;
  length: number;
}

interface Wanted extends z.infer<typeof input> {
  length: number;
  /** Whether the caller said how much. */
  isAsked: boolean;
}

async function readLines(files: Files, wanted: Wanted, signal: AbortSignal): Promise<Found> {
  const from = wanted.from_line ?? 1;
  const to = wanted.to_line === undefined ? {} : { to: wanted.to_line };
  const got = await files.readLines(wanted.path, { from, ...to, maxBytes: wanted.length, signal });
  const isRange = wanted.from_line !== undefined || wanted.to_line !== undefined;
  const type = imageType(got.info.head);
  if (type && !isRange && got.info.size <= MOST_IMAGE) return readImage(files, { path: wanted.path, type }, signal);
  if (isBinary(got.info.head) || isBinary(got.bytes)) {
    const length = wanted.isAsked ? wanted.length : BINARY_HEAD;
    const found = await readBytes(files, { path: wanted.path, offset: 0, length }, signal);
    return type ? { ...found, mime_type: type } : found;
  }
  return textLines(got, from);
}

/** Whole lines, unless not one fits. */
function textLines(got: Lines, from: number): Found {
  const isWhole = got.isCut && got.complete > 0;
  const kept = isWhole ? got.bytes.subarray(0, got.bytes.lastIndexOf(NEWLINE) + 1) : got.bytes;
  const { text, exact, length } = textOf(kept);
  const hasPart = kept.length > 0 && kept.at(-1) !== NEWLINE;
  const count = got.complete + Number(hasPart);
  const offset = kept.length > 0 ? got.offset : got.totalBytes;
  return {
    kind: "text",
    content: text,
    encoding: "utf-8",
    ...(count > 0 ? { from_line: from, to_line: from + count - 1 } : {}),
    total_lines: got.totalLines,
    offset,
    length,
    total_bytes: Math.max(got.totalBytes, got.info.size),
    truncated: got.isCut || offset + length < got.totalBytes,
    ...(exact ? {} : { inexact: true }),
    info: got.info,
  };
}

async function readImage(
  files: Files,
  { path, type }: { path: string; type: string },
  signal: AbortSignal,
): Promise<Found> {
  const { info, bytes } = await files.read(path, { length: MOST_IMAGE, signal });
  const range = { offset: 0, length: bytes.length, total_bytes: Math.max(info.size, bytes.length), truncated: false };
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  return { kind: "image", mime_type: type, ...range, info, image: { type: "image", data, mimeType: type } };
}

async function readBytes(files: Files, wanted: Bytes, signal: AbortSignal): Promise<Found> {
  const { path, offset, length } = wanted;
  const { info, bytes } = await files.read(path, { offset, length, signal });
  const text = isBinary(bytes) || isBinary(info.head) ? undefined : textOf(bytes);
  const isText = text?.exact && text.length > 0;
  const shown = isText ? text.length : bytes.length;
  return {
    kind: isText ? "text" : "binary",
    content: isText ? text.text : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64"),
    encoding: isText ? "utf-8" : "base64",
    offset,
    length: shown,
    total_bytes: Math.max(info.size, bytes.length > 0 ? offset + bytes.length : 0),
    truncated: offset + shown < info.size || (info.size === 0 && bytes.length === length),
    info,
  };
}

function toText(result: Structured, path: string): string {
  const { offset, length, total_bytes: total } = result;
  const facts: (string | undefined)[] = [];
  if (result.kind === "image") facts.push(`${result.mime_type}, ${total} bytes`);
  else if (length === 0) facts.push(total === 0 ? `${path} is empty` : `nothing there: ${sizeOf(result)}`);
  else if (result.kind === "binary")
    facts.push(`binary, base64 of bytes ${offset} to ${offset + length - 1} of ${total}`);
  if (result.kind === "binary" && result.mime_type)
    facts.push(`${result.mime_type}, not shown as an image: at most ${MOST_IMAGE} bytes and as a whole`);
  if (result.kind !== "image" && length > 0 && result.truncated) facts.push(goOn(result));
  if (result.inexact)
    facts.push("some bytes are no UTF-8 and are shown as \uFFFD; offset and length read them as base64");
  return withFacts(result.content ?? "", facts, result);
}

function sizeOf({ total_lines: lines, total_bytes: bytes }: Structured): string {
  return lines === undefined ? `the file has ${bytes} bytes` : `the file has ${lines} lines, ${bytes} bytes`;
}

function goOn(result: Structured): string {
  const { offset, length } = result;
  const next = `offset ${offset + length}`;
  if (result.to_line === undefined || result.from_line === undefined) return `${sizeOf(result)}; go on with ${next}`;
  const isPart = !result.content?.endsWith("\n");
  const shown = `lines ${result.from_line} to ${result.to_line} of ${result.total_lines}`;
  if (isPart) return `${shown}, the last one cut off at ${length} bytes; go on with ${next}`;
  return `${shown}; go on with from_line ${result.to_line + 1}`;
}
