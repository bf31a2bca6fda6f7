/** What the shell tools answer about a command: the same fields, and the same words, whichever tool was asked. */
import { z } from "zod";
import type { Command } from "../sandbox/commands/command.ts";
import type { Page } from "../sandbox/commands/command-output.ts";
import type { Ending, Outcome } from "../sandbox/commands/outcome.ts";

export const resultFields = {
  id: z.string().describe("Names the command to shell_wait, shell_input, shell_kill and shell_output."),
  running: z.boolean().describe("Whether the command still runs; then `retval` is null."),
  cursor: z.int().describe("Where the output goes on: give it to shell_wait to get what follows, exactly once."),
  output: z.string().describe("stdout and stderr in order; of long output the head and the tail."),
  more_bytes: z.int().optional().describe("Bytes of output there are already behind `cursor`."),
  retval: z.int().nullable().describe("Exit status; 128+n for signal n, 124 for a time-out; null if nobody can know."),
  why: z
    .enum([
      "running",
      "exited",
      "signalled",
      "timed_out",
      "cancelled",
      "killed",
      "out_of_memory",
      "not_started",
      "sandbox_gone",
    ])
    .describe("Why the command ended, or that it runs."),
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
  screen: z
    .object({
      rows: z.array(z.string()),
      cursor: z.object({ row: z.int(), column: z.int() }),
      alternate: z.boolean(),
    })
    .optional()
    .describe("What a terminal shows: rows of text, the cursor (from 0), whether a full-screen program is shown."),
  sandbox: z.string().describe("The handle of the sandbox the command ran in."),
  note: z.string().optional().describe("What is worth knowing about the sandbox."),
};

const schema = z.object(resultFields);
export type ShellResult = z.infer<typeof schema>;

/** Where a command ran, and what its terminal shows. */
export interface Around {
  sandbox: string;
  note?: string | undefined;
  screen?: ShellResult["screen"];
}

/** The result of a command that has ended, with head and tail of its output. */
export function endedResult(command: Command, outcome: Outcome & { cursor: number }, around: Around): ShellResult {
  return {
    ...named(command, around),
    ...endFields(outcome),
    running: false,
    cursor: outcome.cursor,
    output: outcome.output,
    total_bytes: outcome.totalBytes,
    truncated: outcome.truncated,
  };
}

/** The result of a look at a command: a page of its output, and its end if that is known. */
export function pageResult(command: Command, page: Page, around: Around): ShellResult {
  const { ending } = command;
  const more = page.total - page.cursor;
  return {
    ...named(command, around),
    ...(ending ? endFields(ending) : runningFields(command)),
    running: command.isRunning,
    cursor: page.cursor,
    output: page.text,
    ...(more > 0 ? { more_bytes: more } : {}),
    total_bytes: page.total,
    truncated: more > 0,
  };
}

/** Where nobody can know how a command ended, the tool could not do its work. */
export function isFailure(result: ShellResult): boolean {
  return !result.running && result.retval === null;
}

/** The output first, then one line a fact that is not the ordinary case. */
export function resultText(result: ShellResult): string {
  const facts = [...endFacts(result), ...outputFacts(result)].filter((fact) => fact !== "");
  if (result.note) facts.push(noteWithHandle(result.note, result.sandbox));
  const { said, screen } = shownOf(result);
  const shown = [...(screen ? [screenText(screen)] : []), ...facts.map((fact) => `[${fact}]`)];
  if (shown.length === 0) return said;
  const separator = said === "" || said.endsWith("\n") ? "" : "\n";
  return `${said}${separator}${shown.join("\n")}`;
}

function noteWithHandle(note: string, handle: string): string {
  return note.includes(handle) ? note : `${note} Its handle: ${handle}`;
}

/** Of a terminal that still shows all that was written, the screen says more than what made it. */
function shownOf({ output, running, screen }: ShellResult): { said: string; screen?: ShellResult["screen"] } {
  if (!running || !screen) return { said: output };
  const isOnScreen = screen.alternate || output.split("\n").length <= screen.rows.length;
  return { said: isOnScreen ? "" : output, screen };
}

function endFacts(result: ShellResult): string[] {
  const facts = [result.running ? stillRunning(result) : endOf(result), result.message ?? ""];
  if (result.killed > 0) facts.push(`${processes(result.killed)} ended, survivors: ${result.survivors}`);
  if (result.processes_left_count > 0) facts.push(leftOf(result));
  return facts;
}

function outputFacts({ running, more_bytes, cursor, truncated, ...result }: ShellResult): string[] {
  const facts: string[] = [];
  if (!running && more_bytes) facts.push(`${more_bytes} bytes more from cursor ${cursor}`);
  if (truncated && result.output_file) facts.push(`${result.total_bytes} bytes, whole in ${result.output_file}`);
  if (result.dropped_bytes) facts.push(`${result.dropped_bytes} bytes of output are lost: no room for them`);
  return facts;
}

function named(command: Command, { sandbox, note, screen }: Around) {
  return { id: command.name, sandbox, ...(note ? { note } : {}), ...(screen ? { screen } : {}) };
}

function endFields(ending: Ending) {
  return {
    retval: ending.retval,
    why: ending.why,
    ...(ending.signal ? { signal: ending.signal } : {}),
    ...(ending.message ? { message: ending.message } : {}),
    duration_ms: Math.round(ending.durationMs * 100) / 100,
    ...(ending.outputFile ? { output_file: ending.outputFile } : {}),
    ...(ending.droppedBytes > 0 ? { dropped_bytes: ending.droppedBytes } : {}),
    killed: ending.killed,
    survivors: ending.survivors,
    processes_left: ending.left,
    processes_left_count: ending.leftCount,
  };
}

function runningFields(command: Command) {
  return {
    retval: null,
    why: "running" as const,
    duration_ms: command.ageMs,
    killed: 0,
    survivors: 0,
    processes_left: [],
    processes_left_count: 0,
  };
}

function stillRunning({ id, cursor, more_bytes }: ShellResult): string {
  const more = more_bytes ? `${more_bytes} bytes of output are behind the cursor; ` : "";
  return `${more}still running; shell_wait {"id": "${id}", "cursor": ${cursor}} goes on, shell_kill ends it`;
}

function endOf(result: ShellResult): string {
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

function leftOf(result: ShellResult): string {
  const shown = result.processes_left.map(({ pid, command }) => `${pid} ${command}`).join("; ");
  return `left in the background, ${processes(result.processes_left_count)}: ${shown}`;
}

function screenText({ rows, cursor }: NonNullable<ShellResult["screen"]>): string {
  const last = rows.findLastIndex((row) => row !== "");
  return `[screen, cursor at row ${cursor.row}, column ${cursor.column}]\n${rows.slice(0, last + 1).join("\n")}`;
}

function processes(count: number): string {
  return count === 1 ? "1 process" : `${count} processes`;
}
