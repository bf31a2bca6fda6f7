/** One command in one sandbox, from start to a true account of its end. */
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { PodexecError } from "../errors.ts";
import type { Channel } from "./channel.ts";
import { Why as ExitWhy, type AgentError, type Exited } from "./frames-answers.ts";
import { ProtocolError } from "./frames-wire.ts";
import { OutputCollector } from "./output.ts";

export interface CommandRequest {
  /** Run by `/bin/sh -lc`. */
  command: string;
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
  timeoutMs: number;
  /** Bytes of output in the outcome: half head, half tail. */
  outputLimit: number;
}

/** Why a command ended. */
export type Why = "exited" | "signalled" | "timed_out" | "cancelled" | "out_of_memory" | "not_started" | "sandbox_gone";

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

export interface RunControl {
  /** Ends the command's whole tree. */
  signal?: AbortSignal;
  /** Output as it comes, within the head. */
  onOutput?: (text: string) => void;
}

/** Why the sandbox is gone, asked when the channel is lost. */
export type WhyLost = (reason: string) => Promise<{ text: string; outOfMemory: boolean }>;

/** The commands of one sandbox. */
export class Commands {
  readonly #channel: Channel;
  readonly #whyLost: WhyLost;
  #running = 0;

  constructor(channel: Channel, whyLost: WhyLost) {
    this.#channel = channel;
    this.#whyLost = whyLost;
  }

  /** How many run. */
  get running(): number {
    return this.#running;
  }

  /** Runs a command and waits for its end. @throws PodexecError as `runCommand` */
  async run(request: CommandRequest, control: RunControl = {}): Promise<Outcome> {
    this.#running++;
    try {
      return await runCommand(this.#channel, request, { ...control, whyLost: this.#whyLost });
    } finally {
      this.#running--;
    }
  }
}

const SHELL = "/bin/sh";
const GRACE_MS = 2_000;
/** The agent ends a command by itself; one that does not answer so long after that is given up. */
const BACKSTOP_MS = 15_000;
const TIMED_OUT = 124;
const NOT_STARTED = 126;
const SIGKILL = 9;

type Ending = { exited: Exited } | { lost: string } | { error: AgentError } | { silent: true };

/**
 * Runs a command and waits for its end.
 *
 * @throws PodexecError SANDBOX_BUSY where the sandbox can start no more, AGENT_PROTOCOL where its agent is silent
 */
export async function runCommand(
  channel: Channel,
  request: CommandRequest,
  control: RunControl & { whyLost: WhyLost },
): Promise<Outcome> {
  const startedAt = performance.now();
  const output = new OutputCollector(request.outputLimit);
  const ending = await untilEnded(channel, request, control, output);
  const durationMs = performance.now() - startedAt;
  if ("exited" in ending) return describeExit(ending.exited, output, request, control.signal?.aborted === true);
  if ("error" in ending) throw startError(ending.error);
  if ("silent" in ending) throw new PodexecError("AGENT_PROTOCOL", "the sandbox does not answer any more");
  const reason = await control.whyLost(ending.lost);
  return describeLoss(reason, output, durationMs);
}

async function untilEnded(
  channel: Channel,
  request: CommandRequest,
  control: RunControl,
  output: OutputCollector,
): Promise<Ending> {
  const live = new TextDecoder();
  let pushed = 0;
  let id = 0n;
  let backstop: ReturnType<typeof setTimeout> | undefined;
  const ended = new Promise<Ending>((resolve) => {
    backstop = setTimeout(() => resolve({ silent: true }), request.timeoutMs + GRACE_MS + BACKSTOP_MS);
    id = channel.start(startOptions(request), {
      onOutput(offset, bytes) {
        pushed += bytes.length;
        if (pushed > request.outputLimit) throw new ProtocolError("OUTPUT exceeds what was asked for");
        output.push(offset, bytes);
        control.onOutput?.(live.decode(bytes, { stream: true }));
      },
      onExited: (exited) => resolve({ exited }),
      onError: (error) => resolve({ error }),
      onLost: (lost) => resolve({ lost }),
    });
  });
  const onAbort = () => channel.kill(id, GRACE_MS);
  if (control.signal?.aborted) onAbort();
  control.signal?.addEventListener("abort", onAbort, { once: true });
  if (request.stdin !== undefined) void channel.input(id, new TextEncoder().encode(request.stdin));
  try {
    return await ended;
  } finally {
    clearTimeout(backstop);
    control.signal?.removeEventListener("abort", onAbort);
    channel.forget(id);
  }
}

function startOptions(request: CommandRequest) {
  const head = Math.ceil(request.outputLimit / 2);
  return {
    args: [SHELL, "-lc", request.command],
    env: Object.entries(request.env ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    timeoutMs: request.timeoutMs,
    graceMs: GRACE_MS,
    stdin: request.stdin !== undefined,
    head,
    tail: request.outputLimit - head,
  };
}

function describeExit(exited: Exited, output: OutputCollector, request: CommandRequest, cancelled: boolean): Outcome {
  const message = messageOf(exited, request);
  const { text, truncated } = output.render(exited.total, exited.file);
  return {
    ...reasonOf(exited, cancelled),
    output: text,
    totalBytes: exited.total,
    truncated,
    ...(exited.file ? { outputFile: exited.file } : {}),
    droppedBytes: exited.dropped,
    durationMs: exited.durationUs / 1000,
    killed: exited.killed,
    survivors: exited.survivors,
    // A process chooses what it is called: nothing of that may look like a line of the result.
    left: exited.left.map(({ pid, command }) => ({ pid, command: command.replace(/\p{C}/gu, "?") })),
    leftCount: exited.leftCount,
    ...(message ? { message } : {}),
  };
}

function messageOf(exited: Exited, request: CommandRequest): string | undefined {
  if (exited.why !== ExitWhy.NOT_STARTED) return exited.message;
  const reason = errorName(exited.status);
  if (exited.message === "chdir") return `cwd: ${request.cwd} cannot be entered (${reason})`;
  return `${SHELL} could not be started (${reason}): does the image have it?`;
}

function reasonOf(exited: Exited, cancelled: boolean): Pick<Outcome, "why" | "retval" | "signal"> {
  const { why, status } = exited;
  if (why === ExitWhy.TIMED_OUT) return { why: "timed_out", retval: TIMED_OUT };
  if (why === ExitWhy.NOT_STARTED) return { why: "not_started", retval: NOT_STARTED };
  if (why === ExitWhy.KILLED) return { why: cancelled ? "cancelled" : "signalled", retval: status };
  const isSignalled = why === ExitWhy.SIGNALLED;
  const isKilled = status === (isSignalled ? SIGKILL : 128 + SIGKILL);
  if (exited.oomKills > 0 && isKilled) return { why: "out_of_memory", retval: 128 + SIGKILL, signal: "SIGKILL" };
  if (isSignalled) return { why: "signalled", retval: 128 + status, signal: signalName(status) };
  return { why: "exited", retval: status };
}

function describeLoss(
  reason: { text: string; outOfMemory: boolean },
  output: OutputCollector,
  durationMs: number,
): Outcome {
  const { text, truncated } = output.render(output.end);
  return {
    why: reason.outOfMemory ? "out_of_memory" : "sandbox_gone",
    retval: null,
    output: text,
    totalBytes: output.end,
    truncated,
    droppedBytes: 0,
    durationMs,
    killed: 0,
    survivors: 0,
    left: [],
    leftCount: 0,
    message: `the sandbox is gone: ${reason.text}`,
  };
}

function startError(error: AgentError): PodexecError {
  if (error.code === "busy") {
    return new PodexecError("SANDBOX_BUSY", `the sandbox can start no more commands: ${error.message}`, {
      hint: "Wait for what runs to end; where that does not help, a new session has a new sandbox.",
    });
  }
  return new PodexecError("AGENT_PROTOCOL", `the agent refused the command (${error.code}): ${error.message}`);
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
