/** How a running `podman build` is stopped so that it cleans up. */
import { readdirSync, readFileSync } from "node:fs";

/**
 * Ends what a RUN step runs, and podman then fails as after any failed step: it removes its working container, network
 * and temporary files. A signal to podman itself would leave all of them, and the step running.
 */
export function endRunningStep(podmanPid: number): void {
  const processes = readProcesses();
  const runtimes = below(processes, podmanPid).filter((pid) => /^buildah-(oci|chroot)-runtime/.test(commandOf(pid)));
  for (const pid of runtimes.flatMap((runtime) => below(processes, runtime))) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself, or belongs to a subordinate user and dies with the container's first process.
    }
  }
}

function below(processes: ReadonlyMap<number, number[]>, pid: number): number[] {
  const children = processes.get(pid) ?? [];
  return children.flatMap((child) => [child, ...below(processes, child)]);
}

/** Children by parent, from /proc; empty on other systems, where podman is remote and its server cleans up. */
function readProcesses(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of listProc()) {
    const parent = Number(/^PPid:\s+(\d+)/m.exec(readProc(`${name}/status`))?.[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

function commandOf(pid: number): string {
  return readProc(`${pid}/cmdline`).split("\0")[0] ?? "";
}

function listProc(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return "";
  }
}
