import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import type { Outcome } from "../../sandbox/commands.ts";
import { defineTool, type ToolContext } from "../tool.ts";
import { ProgressFeed } from "../progress.ts";

/** Linux takes at most this much in one argument or variable: MAX_ARG_STRLEN, execve(2), without the final NUL. */
const MAX_ARGUMENT = 131_071;
/** With a command and a path of any length a start still fits into a frame of the agent's protocol. */
const MAX_ENVIRONMENT = 65_536;
const MAX_VARIABLES = 1_000;
const MAX_PATH = 4_095;
const MAX_TIMEOUT_MS = 24 * 60 * 60 * 1000;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** No NUL: arguments, paths and variables end at one (execve(2)). */
const text = (what: string) => z.string().refine((value) => !value.includes("\0"), `${what} must not contain NUL`);
const bytesOf = (value: string) => Buffer.byteLength(value);

const environment = z
  .record(z.string().regex(ENVIRONMENT_NAME, "not a variable name"), text("a value"))
  .refine((env) => Object.keys(env).length <= MAX_VARIABLES, `at most ${MAX_VARIABLES} variables`)
  .refine(
    (env) => bytesOf(Object.entries(env).flat().join("==")) <= MAX_ENVIRONMENT,
    `names and values may have at most ${MAX_ENVIRONMENT} bytes together; pass more through stdin`,
  );

const input = z.strictObject({
  command: text("command")
    .min(1, "command must not be empty")
    .refine(
      (command) => bytesOf(command) <= MAX_ARGUMENT,
      `command may have at most ${MAX_ARGUMENT} bytes; write long scripts to a file through stdin`,
    )
    .describe("What `/bin/sh -lc` runs. Use `&`, pipes, here-documents as in any shell."),
  sandbox: z.string().max(200).optional().describe("The handle of a sandbox, from an earlier result. Default: yours."),
  cwd: text("cwd")
    .min(1)
    .refine((path) => bytesOf(path) <= MAX_PATH, `a path may have at most ${MAX_PATH} bytes`)
    .optional()
    .describe("Working directory. Default: the image's, /workspace."),
  env: environment.optional().describe("Environment variables for this command."),
  stdin: z.string().optional().describe("Standard input. Default: none (closed)."),
  timeout_ms: z
    .int()
    .min(1)
    .max(MAX_TIMEOUT_MS)
    .optional()
    .describe("Milliseconds until the command and all it started are ended. Default: the server's (10 minutes)."),
});

const output = z.object({
  output: z.string().describe("stdout and stderr in order; of long output the head and the tail."),
  retval: z.int().nullable().describe("Exit status; 128+n for signal n, 124 for a time-out; null if nobody can know."),
  why: z
    .enum(["exited", "signalled", "timed_out", "cancelled", "out_of_memory", "not_started", "sandbox_gone"])
    .describe("Why the command ended."),
  signal: z.string().optional().describe("The signal that ended it."),
  message: z.string().optional().describe("What else there is to say about the end."),
  duration_ms: z.number(),
  total_bytes: z.int().describe("Bytes of output in all."),
  truncated: z.boolean().describe("Whether `output` leaves something out."),
  output_file: z.string().optional().describe("The whole output, a file in the sandbox."),
  dropped_bytes: z.int().optional().describe("Bytes of output that the file lacks because no room was left."),
  killed: z.int().describe("How many processes were ended with the command."),
  survivors: z.int().describe("How many of them could not be ended."),
  processes_left: z
    .array(z.object({ pid: z.int(), command: z.string() }))
    .describe("What the command left running in the background, at most 20."),
  processes_left_count: z.int(),
  sandbox: z.string().describe("The handle of the sandbox the command ran in."),
  note: z.string().optional().describe("What is worth knowing about the sandbox."),
});

export const shellExec = defineTool({
  name: "shell_exec",
  title: "Run a shell command",
  description:
    "Run a command in your own Linux sandbox (Debian unless configured otherwise; root inside, no access to the host). " +
    "Files, installed packages and background processes persist between calls of a conversation. " +
    "A failing command is a result: look at `retval`. Standard input is closed unless given. " +
    "Long output is cut in the middle; the result names a file with all of it.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  async run(args, context) {
    const { caller, signal, services } = context;
    const { sandbox, note } = await services.registry.acquire(caller, args.sandbox, signal);
    if (signal.aborted) throw new PodexecError("CANCELLED", "the call was cancelled before its command began");
    const outcome = await runWithProgress(args, sandbox, context);
    const structured = toStructured(outcome, sandbox.handle, note);
    return { structured, text: toText(structured), isError: outcome.retval === null };
  },
});

type Structured = z.infer<typeof output>;

async function runWithProgress(
  args: z.infer<typeof input>,
  sandbox: Awaited<ReturnType<ToolContext["services"]["registry"]["acquire"]>>["sandbox"],
  context: ToolContext,
): Promise<Outcome> {
  const { limits } = context.services;
  const feed = new ProgressFeed((done, message) => context.progress(done, message));
  try {
    const request = {
      command: args.command,
      ...(args.cwd === undefined ? {} : { cwd: args.cwd }),
      ...(args.env === undefined ? {} : { env: args.env }),
      ...(args.stdin === undefined ? {} : { stdin: args.stdin }),
      timeoutMs: args.timeout_ms ?? limits.timeoutMs,
      outputLimit: limits.outputBytes,
    };
    return await sandbox.run(request, { signal: context.signal, onOutput: (text) => feed.push(text) });
  } finally {
    feed.stop();
  }
}

function toStructured(outcome: Outcome, handle: string, note: string | undefined): Structured {
  return {
    output: outcome.output,
    retval: outcome.retval,
    why: outcome.why,
    ...(outcome.signal ? { signal: outcome.signal } : {}),
    ...(outcome.message ? { message: outcome.message } : {}),
    duration_ms: Math.round(outcome.durationMs * 100) / 100,
    total_bytes: outcome.totalBytes,
    truncated: outcome.truncated,
    ...(outcome.outputFile ? { output_file: outcome.outputFile } : {}),
    ...(outcome.droppedBytes > 0 ? { dropped_bytes: outcome.droppedBytes } : {}),
    killed: outcome.killed,
    survivors: outcome.survivors,
    processes_left: outcome.left,
    processes_left_count: outcome.leftCount,
    sandbox: handle,
    ...(note ? { note } : {}),
  };
}

/** The output first, then one line a fact that is not the ordinary case. */
function toText(result: Structured): string {
  const facts = [endOf(result)];
  if (result.message) facts.push(result.message);
  if (result.killed > 0) facts.push(`${processes(result.killed)} ended, survivors: ${result.survivors}`);
  if (result.truncated && result.output_file) facts.push(`${result.total_bytes} bytes, whole in ${result.output_file}`);
  if (result.dropped_bytes) facts.push(`${result.dropped_bytes} bytes of output are lost: no room for them`);
  if (result.processes_left_count > 0) facts.push(leftOf(result));
  if (result.note) facts.push(`${result.note} Its handle: ${result.sandbox}`);
  const said = facts.filter((fact) => fact !== "");
  if (said.length === 0) return result.output;
  const separator = result.output === "" || result.output.endsWith("\n") ? "" : "\n";
  return `${result.output}${separator}${said.map((fact) => `[${fact}]`).join("\n")}`;
}

function endOf(result: Structured): string {
  switch (result.why) {
    case "exited":
      return result.retval === 0 ? "" : `exit status ${result.retval}`;
    case "signalled":
      return `ended by ${result.signal ?? "a signal"}, status ${result.retval}`;
    case "timed_out":
      return `timed out after ${Math.round(result.duration_ms)} ms, status ${result.retval}`;
    case "out_of_memory":
      return "killed: the sandbox ran out of memory";
    case "not_started":
      return "the command could not be started";
    default:
      return result.why.replace("_", " ");
  }
}

function leftOf(result: Structured): string {
  const shown = result.processes_left.map(({ pid, command }) => `${pid} ${command}`).join("; ");
  return `left in the background, ${processes(result.processes_left_count)}: ${shown}`;
}

function processes(count: number): string {
  return count === 1 ? "1 process" : `${count} processes`;
}
