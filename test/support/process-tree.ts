/** Processes of this host and what they have started. */
import { readdirSync, readFileSync } from "node:fs";

/** proc_pid_stat(5) behind the name: state and parent; undefined where it is gone. */
function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "X", parent = "0"] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** A process that is there and not a zombie. */
export function isRunning(pid: number): boolean {
  return !/^[ZX]/.test(statOf(pid)?.state ?? "X");
}

/** What a process has started, and what that has started. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat) parents.set(Number(name), stat.parent);
  }
  const found = new Set([pid]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const [each, parent] of parents) if (found.has(parent)) found.add(each);
  }
  found.delete(pid);
  return [...found];
}

/** Kills a process and all that it has started: stopped first, so that nothing is started meanwhile. */
export function killTree(pid: number): void {
  const stopped = new Set<number>();
  for (let all = [pid]; all.some((each) => !stopped.has(each)); all = [pid, ...descendantsOf(pid)]) {
    for (const each of all) {
      signal(each, "SIGSTOP");
      stopped.add(each);
    }
  }
  for (const each of stopped) signal(each, "SIGKILL");
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
