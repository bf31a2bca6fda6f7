/** A command in a running container, that ends when its caller gives up. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { PodexecError, toPodexecError } from "../../errors.ts";
import type { RunOptions, RunResult } from "../client.ts";
import { failureOf } from "./failures.ts";
import type { PodmanManager, Target } from "./manager.ts";
import { isPodmansOwn } from "./start.ts";

/** In the environment of what is started, by which its processes are found again. */
const MARK = "PODEXEC_EXEC";

export interface Executed extends RunResult {
  timedOut: boolean;
  /** Processes that were ended because of that. */
  killed: number;
}

/**
 * Runs a command. `podman exec` leaves it running when it is itself ended; this does not, where this process may see and
 * end the container's processes (not with a remote Podman).
 *
 * @param args flags of `podman exec` before the container
 * @throws PodexecError CONTAINER_STATE, EXEC_NOT_FOUND, CANCELLED, ...
 */
export async function execute(
  manager: PodmanManager,
  { target, args, command }: { target: Target; args: readonly string[]; command: readonly string[] },
  options: RunOptions & { signal: AbortSignal; timeoutMs: number },
): Promise<Executed> {
  const mark = `${MARK}=${randomBytes(8).toString("hex")}`;
  const limit = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, limit]);
  const heard: string[] = [];
  const onLine = (line: string): void => {
    options.onLine?.(line);
    if (heard.length < 1000) heard.push(line);
  };
  try {
    // `--` behind the container would reach the command: its id cannot be a flag, and what follows it is never read as one.
    const result = await manager.run(["exec", ...args, "--env", mark, target.id, ...command], {
      ...options,
      signal,
      onLine,
      timeoutMs: options.timeoutMs + 10_000,
    });
    if (isPodmansOwn(result)) throw failureOf("exec", result);
    return { ...result, timedOut: false, killed: 0 };
  } catch (thrown) {
    const error = toPodexecError(thrown);
    if (!signal.aborted) throw error;
    const killed = endMarked(mark);
    if (options.signal.aborted) throw new PodexecError("CANCELLED", "podman exec was cancelled");
    return { status: 124, stdout: heard.join("\n"), stderr: "", timedOut: true, killed };
  }
}

/** Ends every process of this host that has the mark in its environment. */
function endMarked(mark: string): number {
  let killed = 0;
  for (const pid of processes()) {
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
      // The mark holds 64 random bits: whatever has it was started by the call.
      if (!variables.includes(mark)) continue;
      process.kill(Number(pid), "SIGKILL");
      killed++;
    } catch {
      // Gone, or another user's.
    }
  }
  return killed;
}

function processes(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
