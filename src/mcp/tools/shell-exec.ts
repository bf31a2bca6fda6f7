import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import type { Command } from "../../sandbox/commands/command.ts";
import type { CommandRequest } from "../../sandbox/commands/command-record.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import {
  commandField,
  DEFAULT_TERMINAL,
  DEFAULT_WAIT_MS,
  environmentField,
  sizeField,
  timeoutField,
  waitField,
} from "../command-fields.ts";
import { pathField, sandboxField } from "../fields.ts";
import { ProgressFeed } from "../progress.ts";
import { secretsOf, secretsField } from "../secrets.ts";
import { endedResult, isFailure, pageResult, resultFields, resultText, type ShellResult } from "../shell-result.ts";
import { screenOf } from "../shell-screen.ts";
import { defineTool, type ToolContext } from "../tool.ts";

/** What is started in the background is given so long to say that it could not be started. */
const BEGIN_MS = 1_000;

const input = z.strictObject({
  command: commandField.describe("What `/bin/sh -lc` runs. Use `&`, pipes, here-documents as in any shell."),
  sandbox: sandboxField,
  cwd: pathField("cwd").optional().describe("Working directory. Default: the image's, /workspace."),
  env: environmentField.optional().describe("Environment variables for this command."),
  secrets: secretsField.describe(
    "Environment variables whose values show as *** in the output of this sandbox's commands.",
  ),
  stdin: z.string().optional().describe("Standard input. Default: none (closed)."),
  stdin_open: z.boolean().optional().describe("Keep standard input open for shell_input. A terminal's always is."),
  wait_ms: waitField.describe(
    "Milliseconds to wait for the end. A command that takes longer goes on: the result has `running: true`, and " +
      "shell_wait gets the rest. Default: 50 seconds.",
  ),
  timeout_ms: timeoutField.describe(
    "Milliseconds until the command and all it started are ended, counted from its start. Default: the server's (10 " +
      "minutes); in the background none.",
  ),
  background: z
    .boolean()
    .optional()
    .describe("Return at once and leave it running: for servers and watchers. shell_wait reads its output."),
  tty: z
    .union([z.boolean(), sizeField])
    .optional()
    .describe("Run it on a terminal of 24 rows and 80 columns, or of this size: for prompts and full-screen programs."),
  idempotency_key: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      "Unique to this run, such as a UUID. A call repeated with the same key runs nothing again: it gets the result of " +
        "the first, or waits for it, from another connection too.",
    ),
});

export const shellExec = defineTool({
  name: "shell_exec",
  title: "Run a shell command",
  description:
    "Run a command in your own Linux sandbox (Debian unless configured otherwise; root inside, no access to the host). " +
    "Files, installed packages and background processes persist between calls of a conversation. " +
    "A failing command is a result: look at `retval`. Standard input is closed unless given. " +
    "Long output is cut in the middle; the result names a file with all of it.\n" +
    "Long work (builds, tests, downloads): just run it. If it takes longer than `wait_ms` the result says `running: " +
    "true` and has an `id` and a `cursor`; shell_wait with both waits on and gets what follows. " +
    "Servers: `background: true`, then shell_wait with `until: output` until it says it is ready. " +
    "Programs that ask (`[y/N]`, passwords, REPLs, vim): `tty: true` with a short `wait_ms` such as 1000, then " +
    "shell_input with `text` or `keys`.",
  input,
  output: z.object(resultFields),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  async run(args, context) {
    const { caller, signal, services } = context;
    const { sandbox, note } = await services.registry.acquire(caller, args.sandbox, signal, args.idempotency_key);
    sandbox.commands.hide(services.secrets ?? []);
    if (signal.aborted) throw new PodexecError("CANCELLED", "the call was cancelled before its command began");
    const structured = await execute(args, sandbox, { context, note });
    return { structured, text: resultText(structured), isError: isFailure(structured) };
  },
});

type Arguments = z.infer<typeof input>;

async function execute(
  args: Arguments,
  sandbox: Sandbox,
  { context, note }: { context: ToolContext; note: string | undefined },
): Promise<ShellResult> {
  const { outputBytes } = context.services.limits;
  const feed = new ProgressFeed((done, message) => context.progress(done, message));
  const tell = sandbox.commands.liveText((text) => feed.push(text));
  try {
    const command = await sandbox.commands.start(requestOf(args, context), tell);
    const hasEnded = await waitFor(command, args, context);
    const around = { sandbox: sandbox.handle, note };
    const screen = await screenOf(command);
    if (hasEnded) return endedResult(command, await command.outcome(outputBytes), { ...around, screen });
    command.letGo();
    const page = await command.page(0, { waitMs: 0, until: "output", limit: outputBytes });
    return pageResult(command, page, { ...around, screen });
  } finally {
    feed.stop();
    sandbox.lastUsedAt = Date.now();
  }
}

/** @returns whether it has ended */
async function waitFor(command: Command, args: Arguments, { signal, cancelMeans }: ToolContext): Promise<boolean> {
  if (args.background) {
    await command.untilBegun({ waitMs: BEGIN_MS, signal });
    return !command.isRunning;
  }
  const isKept = cancelMeans === "detach" && args.idempotency_key !== undefined;
  const hasEnded = await command.untilEndOrKill({ waitMs: args.wait_ms ?? DEFAULT_WAIT_MS, signal, isKept });
  if (!hasEnded && signal.aborted)
    throw new PodexecError("CANCELLED", `the call was given up; ${command.name} goes on`);
  return hasEnded;
}

function requestOf(args: Arguments, { services }: ToolContext): CommandRequest {
  const { limits } = services;
  return {
    command: args.command,
    cwd: args.cwd,
    env: { ...args.env, ...args.secrets },
    stdin: args.stdin,
    isInputOpen: args.stdin_open,
    terminal: args.tty === true ? DEFAULT_TERMINAL : args.tty || undefined,
    timeoutMs: args.timeout_ms ?? (args.background ? undefined : limits.timeoutMs),
    idempotencyKey: args.idempotency_key,
    isBackground: args.background,
    outputLimit: limits.outputBytes,
    secrets: secretsOf(args),
  };
}
