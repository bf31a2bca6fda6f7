/** Programs that run for minutes: followed line by line, and stopped so that they clean up after themselves. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { childEnvironment, type Child } from "../runtime.ts";

export interface Followed {
  status: number;
  /** The last lines of both streams. */
  lines: string[];
}

export interface FollowOptions {
  onLine: (line: string) => void;
  signal: AbortSignal;
  /** Asks the program to end, default SIGTERM; called again and again. It is killed where that takes over `graceMs`. */
  stop?: (child: Child) => void;
  /** Default 20,000. */
  graceMs?: number;
  /** Whether stdout is text too; where it is not, the caller reads it. Default true. */
  readStdout?: boolean;
}

const KEPT_LINES = 200;
const STOP_INTERVAL_MS = 100;

/**
 * Waits for a program's end; a status other than 0 is a result.
 *
 * @throws the signal's reason where it was aborted, after the program has ended
 */
export async function follow(child: Child, options: FollowOptions): Promise<Followed> {
  const { signal, onLine } = options;
  const lines: string[] = [];
  const take = (line: string) => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    onLine(line);
  };
  const stopping = stopOnAbort(child, options);
  try {
    const streams = options.readStdout === false ? [child.stderr] : [child.stdout, child.stderr];
    await Promise.all(streams.map((stream) => eachLine(stream, take)));
    const status = await child.exited;
    signal.throwIfAborted();
    return { status, lines };
  } finally {
    stopping.end();
  }
}

/** Where a program lies: in PATH, or where administrators' programs are, which plain users lack in theirs. */
export function findProgram(name: string): string | undefined {
  const folders = [...(childEnvironment()["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

function stopOnAbort(child: Child, { signal, stop, graceMs }: FollowOptions): { end(): void } {
  let timer: ReturnType<typeof setInterval> | undefined;
  const begin = () => {
    const deadline = Date.now() + (graceMs ?? 20_000);
    if (!stop) child.kill("SIGTERM");
    stop?.(child);
    timer = setInterval(() => {
      if (Date.now() > deadline) child.kill("SIGKILL");
      else stop?.(child);
    }, STOP_INTERVAL_MS);
  };
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  return {
    end() {
      clearInterval(timer);
      signal.removeEventListener("abort", begin);
    },
  };
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    // apt and podman redraw lines with carriage returns.
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/[\r\n]+/);
    rest = (parts.pop() ?? "").slice(-65_536);
    parts.filter((part) => part.trim() !== "").forEach(take);
  }
  if (rest.trim() !== "") take(rest);
}
