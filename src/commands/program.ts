/** What `run` and `attach` start in a sandbox, and what they say of its end. */
import { PodexecError } from "../errors.ts";
import type { ConsoleEnding } from "../sandbox/commands/console.ts";
import type { StartOptions } from "../sandbox/agent/frames-requests.ts";
import { Mask } from "../sandbox/output/mask.ts";
import { endingOf, SHELL, startError, type Ending } from "../sandbox/commands/outcome.ts";
import type { Environment } from "./command.ts";
import { terminalSize } from "./terminal.ts";

/** Not every image has bash, and sh alone knows no history. */
const LOGIN = 'exec "$(command -v bash || command -v sh)" -l';
const GRACE_MS = 2_000;
const NOT_KNOWN = 1;

export interface ProgramOptions {
  /** Its arguments, the program first; none: a login shell. */
  words: readonly string[];
  tty: boolean;
  /** Whether it gets an input at all; with a terminal it always does. */
  stdin: boolean;
  /** Milliseconds; 0: none. */
  timeoutMs: number;
  environment: Environment;
}

/** START for a program: through a login shell, which sets PATH as for every command, and is replaced by it. */
export function startOptions({ words, tty, stdin, timeoutMs, environment }: ProgramOptions): StartOptions {
  const script = words.length > 0 ? 'exec "$@"' : LOGIN;
  const terminal = { terminal: terminalSize(), env: [`TERM=${environment["TERM"] || "xterm-256color"}`] };
  return {
    args: [SHELL, "-lc", script, "sh", ...words],
    timeoutMs,
    graceMs: GRACE_MS,
    stdin,
    ...(tty ? terminal : {}),
  };
}

/** An end that has a status. */
export type Ended = Ending & { retval: number };

/**
 * How the program ended.
 *
 * @param whyGone asks why a sandbox is gone
 * @throws PodexecError SANDBOX_GONE, SANDBOX_BUSY, COMMAND_UNKNOWN, AGENT_PROTOCOL
 */
export async function endOf(ending: ConsoleEnding, whyGone: () => Promise<string | undefined>): Promise<Ended> {
  if ("lost" in ending) {
    throw new PodexecError("SANDBOX_GONE", `the sandbox is gone: ${(await whyGone()) ?? ending.lost}`);
  }
  if ("error" in ending) throw startError(ending.error);
  const told = endingOf(ending.exited, { mask: new Mask() });
  return { ...told, retval: told.retval ?? NOT_KNOWN };
}

/** What a person has to be told about an end, besides its status. */
export function warningsOf({ why, message, droppedBytes }: Ended): string[] {
  return [
    ...(why === "timed_out" ? ["its time was over; --timeout gives it more"] : []),
    ...(why === "out_of_memory" ? ["the sandbox ran out of memory; --memory gives it more"] : []),
    ...(message === undefined ? [] : [message]),
    ...(droppedBytes > 0 ? [`${droppedBytes} bytes of output are lost: no room was left for them`] : []),
  ];
}
