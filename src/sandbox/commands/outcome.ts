/** A true account of how a command ended: why first, then how it is said. */
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { PodexecError } from "../../errors.ts";
import { Why as ExitWhy, type AgentError, type Exited } from "../agent/frames-answers.ts";
import type { Mask } from "../output/mask.ts";

/** Why a command ended. */
export type Why =
  "exited" | "signalled" | "timed_out" | "cancelled" | "killed" | "out_of_memory" | "not_started" | "sandbox_gone";

export interface Outcome {
  why: Why;
  /** As a shell has it: 128 + n for a signal, 124 for a time-out; null where nobody can know it. */
  retval: number | null;
  /** Such as `SIGKILL`. */
  signal?: string;
  output: string;
  totalBytes: number;
  truncated: boolean;
  /** In the sandbox. */
  outputFile?: string;
  /** Bytes that are not in the file: no room was left. */
  droppedBytes: number;
  durationMs: number;
  killed: number;
  survivors: number;
  left: { pid: number; command: string }[];
  leftCount: number;
  /** What else is to be said, such as why the shell could not be started. */
  message?: string;
}

/** An outcome without its output. */
export type Ending = Omit<Outcome, "output" | "truncated">;

export const SHELL = "/bin/sh";
const TIMED_OUT = 124;
const NOT_STARTED = 126;
const SIGKILL = 9;

/** How EXITED is said. @param by who ended it, where podexec did */
export function endingOf(
  exited: Exited,
  { cwd, by, mask }: { cwd?: string | undefined; by?: "cancelled" | "killed" | undefined; mask: Mask },
): Ending {
  const message = messageOf(exited, cwd);
  return {
    ...reasonOf(exited, by ?? "killed"),
    totalBytes: exited.total,
    ...(exited.file ? { outputFile: exited.file } : {}),
    droppedBytes: exited.dropped,
    durationMs: exited.durationUs / 1000,
    killed: exited.killed,
    survivors: exited.survivors,
    left: exited.left.map(({ pid, command }) => ({ pid, command: printable(mask.text(command)) })),
    leftCount: exited.leftCount,
    ...(message ? { message } : {}),
  };
}

/** The end of a command after what it had left was ended too. */
export function endedAgain(first: Exited, next: Exited): Exited {
  const { killed, survivors, left, leftCount } = next;
  return { ...first, killed, survivors, left, leftCount };
}

/** How the loss of the whole sandbox is said. */
export function lossOf(
  reason: { text: string; outOfMemory: boolean },
  known: { totalBytes: number; durationMs: number },
): Ending {
  return {
    why: reason.outOfMemory ? "out_of_memory" : "sandbox_gone",
    retval: null,
    ...known,
    droppedBytes: 0,
    killed: 0,
    survivors: 0,
    left: [],
    leftCount: 0,
    message: `the sandbox is gone: ${reason.text}`,
  };
}

/** Why a command could not be started, as an error. */
export function startError(error: AgentError): PodexecError {
  if (error.code === "busy") {
    return new PodexecError("SANDBOX_BUSY", `the sandbox can start no more commands: ${error.message}`, {
      hint: "Wait for what runs to end, or end it with shell_kill (shell_list names it).",
    });
  }
  return new PodexecError("AGENT_PROTOCOL", `the agent refused the command (${error.code}): ${error.message}`);
}

/** A process chooses what it is called: nothing of that may look like a line of the result. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

/** A signal's number by its Linux name, such as `SIGINT` or `INT`. */
export function signalNumber(name: string): number | undefined {
  const signals: Record<string, number> = constants.signals;
  return signals[name] ?? signals[`SIG${name}`];
}

function messageOf(exited: Exited, cwd: string | undefined): string | undefined {
  if (exited.why !== ExitWhy.NOT_STARTED) return exited.message;
  const reason = errorName(exited.status);
  if (exited.message === "chdir") return `cwd: ${cwd ?? "the image's folder"} cannot be entered (${reason})`;
  return `${SHELL} could not be started (${reason}): does the image have it?`;
}

function reasonOf(exited: Exited, by: "cancelled" | "killed"): Pick<Outcome, "why" | "retval" | "signal"> {
  const { why, status } = exited;
  if (why === ExitWhy.TIMED_OUT) return { why: "timed_out", retval: TIMED_OUT };
  if (why === ExitWhy.NOT_STARTED) return { why: "not_started", retval: NOT_STARTED };
  if (why === ExitWhy.KILLED) return { why: by, retval: status };
  const isSignalled = why === ExitWhy.SIGNALLED;
  const isKilled = status === (isSignalled ? SIGKILL : 128 + SIGKILL);
  if (exited.oomKills > 0 && isKilled) return { why: "out_of_memory", retval: 128 + SIGKILL, signal: "SIGKILL" };
  if (isSignalled) return { why: "signalled", retval: 128 + status, signal: signalName(status) };
  return { why: "exited", retval: status };
}

/** An error's name by its Linux number. */
function errorName(errno: number): string {
  return errno > 0 && errno < 4096 ? getSystemErrorName(-errno) : `error ${errno}`;
}

/** A signal's name by its Linux number. */
function signalName(signal: number): string {
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return found?.[0] ?? `signal ${signal}`;
}
