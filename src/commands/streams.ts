/** Connects this process's streams, or its terminal, with one command in a sandbox. */
import { constants } from "node:os";
import type { Console, ConsoleEnding } from "../sandbox/commands/console.ts";
import type { Io, Output, VerbContext } from "./command.ts";
import { DetachKeys, takeTerminal } from "./terminal.ts";

const MUCH = 1_048_576;
/** One Ctrl-C can reach a process twice: through its group and from its parent. */
const SAME_SIGNAL_MS = 500;
/** How long a Ctrl-P waits for a Ctrl-Q. */
const DETACH_MS = 1_000;

export interface Joining {
  io: Io;
  signal: AbortSignal;
  takeSignals: VerbContext["takeSignals"];
  /** The command has a terminal, which is this one. */
  tty: boolean;
  /** Whether Ctrl-P Ctrl-Q leaves it. */
  detachable: boolean;
  /** Whether standard input is passed on. */
  stdin: boolean;
}

/**
 * Passes input, output, sizes and Ctrl-C between this process and a command until it ends or is left.
 *
 * @returns how it ended, when all its output is handed over; undefined where it was left
 * @throws the reason of `signal`, or EPIPE where nobody reads any more; the command then still runs
 */
export async function join(console: Console, receiver: Receiver, joining: Joining): Promise<ConsoleEnding | undefined> {
  const giveBack = joining.tty ? takeTerminal((size) => console.resize(size)) : () => {};
  const release = joining.takeSignals(interrupter(console));
  const aborted = rejection(joining.signal);
  try {
    const left = joining.stdin ? pump(console, joining) : new Promise<never>(() => {});
    const ending = await Promise.race([console.ended, left, receiver.failed, aborted.promise]);
    if (ending) await Promise.race([receiver.flushed(), receiver.failed, aborted.promise]);
    return ending;
  } finally {
    aborted.forget();
    release();
    giveBack();
  }
}

/** Where output goes. */
export interface Receiver {
  /** @returns false where it is time to wait for `onRoom` */
  push(bytes: Uint8Array, offset: number): boolean;
  /** Called when there is room again. */
  onRoom: () => void;
  /** Resolves when all is handed over. */
  flushed(): Promise<void>;
  /** Rejects where nobody reads any more. */
  readonly failed: Promise<never>;
}

/** Output on its way to somebody who may be slow. */
export class Sink implements Receiver {
  readonly failed: Promise<never>;
  onRoom: () => void = () => {};
  readonly #output: Output;
  readonly #fail: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #queued = 0;

  constructor(output: Output) {
    this.#output = output;
    let fail: (error: unknown) => void = () => {};
    this.failed = new Promise((_, reject) => (fail = reject));
    this.failed.catch(() => {});
    this.#fail = fail;
  }

  push(bytes: Uint8Array): boolean {
    this.#queued += bytes.length;
    this.#last = this.#last.then(() => this.#write(bytes)).catch(this.#fail);
    return this.#queued < MUCH;
  }

  flushed(): Promise<void> {
    return this.#last;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#output.write(bytes);
    const wasFull = this.#queued >= MUCH;
    this.#queued -= bytes.length;
    if (wasFull && this.#queued < MUCH) this.onRoom();
  }
}

/** Ctrl-C goes to the command; a second one, half a second later or more, is not taken and ends everything. */
function interrupter(console: Console) {
  let first: number | undefined;
  return (name: string): boolean => {
    if (name !== "SIGINT") return false;
    if (first !== undefined) return performance.now() - first < SAME_SIGNAL_MS;
    first = performance.now();
    console.signal(constants.signals.SIGINT);
    return true;
  };
}

/** Passes input on; resolves where the person leaves, and never where the input ends. */
async function pump(console: Console, { io, tty, detachable }: Joining): Promise<undefined> {
  const keys = tty && detachable ? new DetachKeys() : undefined;
  let late: ReturnType<typeof setTimeout> | undefined;
  try {
    for await (const chunk of io.stdin.chunks()) {
      clearTimeout(late);
      const { bytes, detach } = keys?.push(chunk) ?? { bytes: chunk, detach: false };
      await console.input(bytes);
      if (detach) return undefined;
      if (keys) late = setTimeout(() => void console.input(keys.flush()), DETACH_MS);
    }
  } catch {
    // An input that cannot be read has ended.
  }
  console.endInput();
  return new Promise<never>(() => {});
}

function rejection(signal: AbortSignal): { promise: Promise<never>; forget(): void } {
  let forget = () => {};
  const promise = new Promise<never>((_, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    forget = () => signal.removeEventListener("abort", abort);
  });
  promise.catch(() => {});
  return { promise, forget };
}
