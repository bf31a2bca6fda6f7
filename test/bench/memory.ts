/** Memory of processes, in MB (1,000,000 bytes). */
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
