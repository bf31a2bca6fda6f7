/** How podexec marks what is its own on a Podman that others use too. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";

export const LABEL = "podexec";
/** As sandbox/handle.ts makes them. */
export const SANDBOX_NAME = /^podexec-[0-9a-f]{12}$/;
const OWNER_LABEL = "podexec.owner";
const PID_LABEL = "podexec.pid";
const BOOT_LABEL = "podexec.boot";
const HOST_LABEL = "podexec.host";

/** What keeps sandboxes: a server over HTTP, whose successor takes them over; one over stdio; another verb. */
const OWNER_KINDS = ["http", "stdio", "verb"] as const;
export type OwnerKind = (typeof OWNER_KINDS)[number];

/**
 * The process that keeps sandboxes, named so that it cannot be mistaken for a later one with its pid. `pid` is
 * `pid/start time in clock ticks`: proc_pid_stat(5), field 22.
 */
export const ownerSchema = z.object({
  id: z.string(),
  pid: z.string(),
  boot: z.string(),
  host: z.string(),
  kind: z.enum(OWNER_KINDS).optional(),
});
export type Owner = z.infer<typeof ownerSchema>;

/** This process as an owner. */
export function thisOwner(id: string, kind: OwnerKind = "verb"): Owner {
  return { id, pid: processMark(process.pid) ?? `${process.pid}/0`, boot: bootId(), host: hostname(), kind };
}

/** The arguments that put the owner's labels on a container. */
export function labelArgs(owner: Owner): string[] {
  const labels = {
    [LABEL]: "1",
    [OWNER_LABEL]: owner.id,
    [PID_LABEL]: owner.pid,
    [BOOT_LABEL]: owner.boot,
    [HOST_LABEL]: owner.host,
  };
  return Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
}

/** The owner that a container's labels name: the one that created it. */
export function ownerOf(labels: Record<string, string>): Owner {
  const read = (name: string) => labels[name] ?? "";
  return { id: read(OWNER_LABEL), pid: read(PID_LABEL), boot: read(BOOT_LABEL), host: read(HOST_LABEL) };
}

/**
 * Whether an owner may still be there. An owner on another host cannot be asked and counts as alive: its sandboxes are
 * its own affair, and their lease ends them when it is gone.
 */
export function isAlive(owner: Owner): boolean {
  if (owner.host !== hostname()) return true;
  if (owner.boot !== bootId()) return false;
  const pid = Number(owner.pid.split("/")[0]);
  return Number.isSafeInteger(pid) && processMark(pid) === owner.pid;
}

/** Linux's identity of this boot; hosts without it (macOS, Windows) share one and rely on the lease. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}

function processMark(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may hold spaces: count from behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A process that nobody has waited for is over all the same.
    return /^[ZX]/.test(fields[0] ?? "") ? undefined : `${pid}/${fields[19] ?? "0"}`;
  } catch {
    return processExists(pid) ? `${pid}/0` : undefined;
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}
