/** Runs a container, and leaves none behind that could not start. */
import { randomBytes } from "node:crypto";
import { PodexecError } from "../../errors.ts";
import type { RunResult } from "../client.ts";
import { failureOf } from "./failures.ts";
import type { PodmanManager } from "./manager.ts";

export interface StartOptions {
  signal: AbortSignal;
  /** Milliseconds until a container that is waited for is ended, or until a start is given up. */
  timeoutMs: number;
  /** Hears of what Podman and the container say. */
  onLine(line: string): void;
}

export interface Started extends RunResult {
  /** None where the container is gone already. */
  id?: string;
}

/** Names one call's container, so that it is found whatever happened. */
const RUN_LABEL = "podexec.run";

/**
 * Starts a container and returns; its id is what it prints.
 *
 * @param args what stands behind `podman run`
 * @throws PodexecError with Podman's failure
 */
export async function startDetached(
  manager: PodmanManager,
  args: readonly string[],
  options: StartOptions,
): Promise<Started> {
  return attempt(manager, options, async (mark) => {
    const result = await manager.run(["run", "--detach", ...mark, ...args], options);
    if (result.status !== 0) throw failureOf("run", result);
    return { ...result, id: result.stdout.trim().split("\n").at(-1) ?? "" };
  });
}

/**
 * Runs a container to its end. Its own exit status is a result.
 *
 * @throws PodexecError with Podman's failure; CANCELLED or PODMAN_ERROR for one that took too long, which is removed
 */
export async function runAttached(
  manager: PodmanManager,
  args: readonly string[],
  options: StartOptions,
): Promise<Started> {
  return attempt(manager, options, async (mark) => {
    const result = await manager.run(["run", ...mark, ...args], options);
    if (isPodmansOwn(result)) throw failureOf("run", result);
    const [id] = await marked(manager, mark);
    return { ...result, ...(id === undefined ? {} : { id }) };
  });
}

/** Whether a status is Podman's own failure and not the command's (podman-run(1), "Exit Status"). */
export function isPodmansOwn({ status, stderr }: RunResult): boolean {
  const last = stderr.trimEnd().split("\n").at(-1) ?? "";
  if (status === 125) return last.startsWith("Error: ");
  if (status === 255) return /^Error: .*container state improper/.test(last);
  return (status === 126 || status === 127) && /^Error: .*(OCI|runc|crun|executable file)/i.test(last);
}

async function attempt(
  manager: PodmanManager,
  options: StartOptions,
  work: (mark: readonly string[]) => Promise<Started>,
): Promise<Started> {
  const mark = ["--label", `${RUN_LABEL}=${randomBytes(8).toString("hex")}`];
  try {
    return await work(mark);
  } catch (error) {
    // Also after a cancelled call: whatever was made by then has to go, so nothing of it is cancelled.
    for (const id of await marked(manager, mark)) await manager.run(["rm", "--force", "--volumes", "--time", "0", id]);
    if (options.signal.aborted) throw new PodexecError("CANCELLED", "podman run was cancelled");
    throw error;
  }
}

async function marked(manager: PodmanManager, [, label = ""]: readonly string[]): Promise<string[]> {
  const args = ["ps", "--all", "--quiet", "--no-trunc", "--filter", `label=${label}`];
  const { stdout } = await manager.run(args);
  return stdout.split("\n").filter(Boolean);
}
