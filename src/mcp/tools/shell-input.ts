import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import type { Command } from "../../sandbox/commands/command.ts";
import { keyBytes } from "../../sandbox/output/keys.ts";
import { commandOf } from "../command-of.ts";
import { cursorField, idField, sizeField, waitField } from "../command-fields.ts";
import { bytesOf, sandboxField } from "../fields.ts";
import { pageResult, resultFields, resultText } from "../shell-result.ts";
import { screenOf } from "../shell-screen.ts";
import { defineTool } from "../tool.ts";

const MAX_TEXT = 131_072;
const MAX_KEYS = 200;
const MAX_QUEUED = 1_048_576;
/** A program answers what is typed soon, and is quiet when it waits for more. */
const SETTLE_MS = 500;
const QUIET_MS = 60;
const END_OF_FILE = "\x04";

const input = z.strictObject({
  id: idField,
  text: z
    .string()
    .refine((text) => bytesOf(text) <= MAX_TEXT, `text may have at most ${MAX_TEXT} bytes; write more in several calls`)
    .optional()
    .describe("Text as it is typed. A line has to end with \\n to be sent off."),
  keys: z
    .array(z.string().min(1).max(30))
    .max(MAX_KEYS)
    .optional()
    .describe(
      "Keys by name, pressed after `text`: enter, tab, escape, backspace, up, down, left, right, home, end, page-up, " +
        "page-down, insert, delete, f1 to f12, ctrl-c, alt-x, shift-tab, or single characters.",
    ),
  eof: z.boolean().optional().describe("End standard input after that; on a terminal this presses Ctrl-D."),
  size: sizeField.optional().describe("Give the terminal this size first."),
  wait_ms: waitField.describe("Milliseconds to wait for output to settle. Default: 500."),
  cursor: cursorField.describe("Output from here on is in the result. Default: what comes after this call."),
  sandbox: sandboxField,
});

export const shellInput = defineTool({
  name: "shell_input",
  title: "Type into a running command",
  description:
    "Give a running command input: text, keys by name, or the end of input. It has to run on a terminal (`tty: true`), " +
    "or with `stdin_open: true`. To answer a prompt: text `y\\n`. In vim: keys [`i`], text, keys [`escape`], text " +
    "`:wq\\n`. The result has what the command wrote since, and for a terminal the `screen` it shows now: look at it " +
    "before you type on.",
  input,
  output: z.object(resultFields),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  async run(args, context) {
    const { command, sandbox } = await commandOf(args, context);
    requireInput(command);
    const before = await command.output.length();
    if (args.size) await command.resize(args.size);
    await type(command, args);
    const waitMs = args.wait_ms ?? SETTLE_MS;
    await command.untilQuiet(before, { waitMs, quietMs: Math.min(QUIET_MS, waitMs), signal: context.signal });
    const limit = context.services.limits.outputBytes;
    const page = await command.page(args.cursor ?? before, { waitMs: 0, until: "output", limit });
    const structured = pageResult(command, page, { sandbox: sandbox.handle, screen: await screenOf(command) });
    return { structured, text: resultText(structured) };
  },
});

function requireInput(command: Command): void {
  if (!command.isRunning) {
    throw new PodexecError("COMMAND_ENDED", `id: ${command.name} has ended and takes no input`, {
      hint: "shell_wait shows how it ended.",
    });
  }
  if (!command.record.hasInput) {
    throw new PodexecError("INVALID_PARAMS", `id: standard input of ${command.name} is closed`, {
      hint: "Start it again with `tty: true`, or with `stdin_open: true` for plain pipes.",
    });
  }
}

async function type(command: Command, args: z.infer<typeof input>): Promise<void> {
  const isTerminal = command.record.terminal !== undefined;
  const bytes = Buffer.from(await typed(command, args, isTerminal));
  if (command.link.inputQueued + bytes.length > MAX_QUEUED) {
    throw new PodexecError("SANDBOX_BUSY", `text: ${command.name} does not read its input, and there is no more room`, {
      hint: "Wait until it reads what it has (shell_wait), or end it with shell_kill.",
    });
  }
  // Nobody waits until all is taken: a program may read only what it wants.
  if (bytes.length > 0) void command.link.input(bytes);
  if (args.eof && !isTerminal) void command.link.endInput();
}

async function typed(command: Command, args: z.infer<typeof input>, isTerminal: boolean): Promise<string> {
  // On a terminal Enter is a carriage return.
  const text = (isTerminal ? args.text?.replaceAll("\n", "\r") : args.text) ?? "";
  const isApplication = args.keys !== undefined && (await command.screen())?.hasApplicationCursor === true;
  const keys = (args.keys ?? []).map((name) => keyBytes(name, { isApplication }) ?? unknownKey(name));
  return text + keys.join("") + (args.eof && isTerminal ? END_OF_FILE : "");
}

function unknownKey(name: string): never {
  throw new PodexecError("INVALID_PARAMS", `keys: there is no key ${JSON.stringify(name)}`, {
    hint: "Names are such as enter, tab, escape, up, page-down, f1, ctrl-c, alt-x; put ordinary text into `text`.",
  });
}
