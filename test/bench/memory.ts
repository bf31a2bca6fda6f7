/** What processes use: memory in MB (1,000,000 bytes), CPU time. */
import { readFileSync } from "node:fs";

const KIB_IN_MB = 1024 / 1e6;

/** What of a process lies in memory, shared pages in full: proc_pid_status(5). */
export function residentMb(pid: number): number {
  return field(`/proc/${pid}/status`, "VmRSS") * KIB_IN_MB;
}

/** What a process adds: its own pages, and of shared ones its share: proc_pid_smaps(5). */
export function proportionalMb(pid: number): number {
  return field(`/proc/${pid}/smaps_rollup`, "Pss") * KIB_IN_MB;
}

/** What nobody else has. */
export function privateMb(pid: number): number {
  const file = `/proc/${pid}/smaps_rollup`;
  return (field(file, "Private_Clean") + field(file, "Private_Dirty")) * KIB_IN_MB;
}

/** CPU time that processes have used so far, in ms: proc_pid_stat(5), whose clock has 100 ticks a second. */
export function cpuMs(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const [utime = 0, stime = 0] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
      .slice(11, 13)
      .map(Number);
    return utime + stime;
  });
  return ticks.reduce((sum, one) => sum + one, 0) * 10;
}

/** A process and all its descendants. */
export function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(familyOf)];
}

function field(file: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(file, "utf8"));
  if (!match) throw new Error(`${file} has no ${name}`);
  return Number(match[1]);
}
