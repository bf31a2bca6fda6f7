/** A podman command whose lines are read as they come, and that ends at a bound. */
import { PodexecError } from "../../errors.ts";
import type { RunResult } from "../client.ts";
import type { PodmanManager } from "./manager.ts";

export interface Line {
  stream: "stdout" | "stderr";
  text: string;
}

export interface FollowOptions {
  /** Milliseconds after which podman is ended. */
  timeMs: number;
  /** Lines after which podman is ended. */
  lines: number;
  signal: AbortSignal;
  /** Hears of each line as it comes; false: it does not count and is not kept. */
  onLine?: (line: Line) => boolean | void;
}

export interface Followed {
  lines: Line[];
  /** `ended`: by itself; else which bound was reached. */
  why: "ended" | "time" | "lines";
  status: number;
  /** The end of what podman said on stderr. */
  stderr: RunResult["stderr"];
}

const MAX_LINE = 16_384;
const MAX_BYTES = 4 * 1024 * 1024;

/** Runs podman until it ends or a bound is reached. @throws PodexecError CANCELLED, PODMAN_NOT_CONNECTED */
export async function follow(
  manager: PodmanManager,
  args: readonly string[],
  options: FollowOptions,
): Promise<Followed> {
  if (options.signal.aborted) throw cancelled(args);
  const child = manager.start(args);
  const lines: Line[] = [];
  let bytes = 0;
  let stderr = "";
  let why: Followed["why"] = "ended";
  const end = (reason: "time" | "lines"): void => {
    if (why === "ended") why = reason;
    child.kill("SIGKILL");
  };
  const onAbort = (): void => child.kill("SIGKILL");
  const take = (line: Line): void => {
    if (line.stream === "stderr") stderr = `${stderr}${line.text}\n`.slice(-4_000);
    if (why !== "ended" || options.onLine?.(line) === false) return;
    lines.push(line);
    bytes += line.text.length;
    if (lines.length >= options.lines || bytes > MAX_BYTES) end("lines");
  };
  const timer = setTimeout(() => end("time"), options.timeMs);
  options.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const reading = [read(child.stdout, "stdout", take), read(child.stderr, "stderr", take)];
    const [status] = await Promise.all([child.exited, ...reading]);
    if (options.signal.aborted) throw cancelled(args);
    return { lines, why, status, stderr };
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", onAbort);
  }
}

async function read(
  stream: ReadableStream<Uint8Array>,
  name: Line["stream"],
  take: (line: Line) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const text of parts) take({ stream: name, text: text.slice(0, MAX_LINE) });
    if (rest.length > MAX_LINE) {
      take({ stream: name, text: rest.slice(0, MAX_LINE) });
      rest = rest.slice(MAX_LINE);
    }
  }
  if (rest !== "") take({ stream: name, text: rest });
}

function cancelled(args: readonly string[]): PodexecError {
  return new PodexecError("CANCELLED", `podman ${args[0] ?? ""} was cancelled`);
}
