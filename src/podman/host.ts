/** What this host's Podman needs: found out by starting a trial sandbox and reading why it fails. */
import { readFileSync } from "node:fs";
import { PodexecError, toPodexecError } from "../errors.ts";
import type { Adaptation, HostFacts } from "./adaptation.ts";
import { CAUSES, REMEDIES } from "./remedies.ts";
import { infoSchema, type PodmanInfo } from "./schemas.ts";
import { failedError, parseJson, type Podman } from "./client.ts";

const OLDEST_PODMAN = [4, 3] as const;
const MAX_TRIALS = 8;

/**
 * Asks Podman about itself.
 *
 * @throws PodexecError PODMAN_MISSING, PODMAN_TOO_OLD, PODMAN_UNUSABLE
 */
export async function readFacts(podman: Podman, signal?: AbortSignal): Promise<HostFacts> {
  const args = ["info", "--format", "json"];
  const result = await podman.run(args, signal ? { signal } : {});
  if (result.status !== 0) throw unusable(result.stderr) ?? failedError(args, result);
  const info = parseJson(args, result.stdout, infoSchema);
  requireVersion(info.version.Version);
  return { info, ulimits: readUlimits() };
}

/** The adaptation that follows from the facts alone, before any trial. */
export function firstAdaptation(facts: HostFacts): Adaptation {
  const { host } = facts.info;
  const adaptation: Adaptation = {
    globalArgs: [],
    runArgs: [],
    network: isolatedNetwork(facts.info),
    selinux: host.security.selinuxEnabled,
    remote: host.serviceIsRemote,
    limits: { memory: true, cpus: true, pids: true },
    lacks: [],
    says: host.security.selinuxEnabled ? ["SELinux is on: volumes get a shared label (z)"] : [],
  };
  leaveOutLimits(adaptation, host);
  return adaptation;
}

/**
 * Finds flags with which a sandbox starts: tries, reads why it failed, adapts, tries again.
 *
 * @param trial creates a sandbox with the adaptation, runs a command in it and removes it; throws what Podman said
 * @throws PodexecError PODMAN_UNUSABLE with the cause and the command that mends it, where nothing works
 */
export async function adapt(facts: HostFacts, trial: (adaptation: Adaptation) => Promise<void>): Promise<Adaptation> {
  let adaptation = firstAdaptation(facts);
  const used = new Set<string>();
  for (let count = 0; ; count++) {
    try {
      await trial(adaptation);
      return adaptation;
    } catch (thrown) {
      const error = toPodexecError(thrown);
      if (error.code === "CANCELLED") throw error;
      const said = `${error.message}\n${error.details ?? ""}`;
      const remedy = REMEDIES.find((row) => !used.has(row.name) && row.when.test(said));
      const next = count < MAX_TRIALS ? remedy?.apply(adaptation, facts) : undefined;
      if (!remedy || !next) throw unusable(said) ?? error;
      used.add(remedy.name);
      adaptation = next;
    }
  }
}

/** The known cause behind what Podman said, as an error with its mend. */
function unusable(said: string): PodexecError | undefined {
  const cause = CAUSES.find((row) => row.when.test(said));
  if (!cause) return undefined;
  return new PodexecError("PODMAN_UNUSABLE", cause.says, { hint: cause.mend, details: said.trim().slice(0, 600) });
}

function requireVersion(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST_PODMAN[0] || (major === OLDEST_PODMAN[0] && minor >= OLDEST_PODMAN[1])) return;
  throw new PodexecError("PODMAN_TOO_OLD", `Podman ${version} is too old: podexec needs ${OLDEST_PODMAN.join(".")}`, {
    hint: "Update Podman; Debian 12 and later, Fedora and Ubuntu 24.04 have one that is new enough.",
  });
}

/** Rootful: the default bridge, on which the agent closes every route but the one out. Rootless: a stack of its own. */
function isolatedNetwork(info: PodmanInfo): string {
  if (!info.host.security.rootless) return "bridge";
  const [major = 0] = info.version.Version.split(".").map(Number);
  if (major >= 5 && (info.host.pasta?.executable ?? "") !== "") return "pasta";
  return "slirp4netns:allow_host_loopback=false";
}

function leaveOutLimits(adaptation: Adaptation, host: PodmanInfo["host"]): void {
  if (!host.security.rootless) return;
  const has = (name: string) => host.cgroupVersion === "v2" && (host.cgroupControllers ?? []).includes(name);
  adaptation.limits = { memory: has("memory"), cpus: has("cpu"), pids: has("pids") };
  const missing = Object.entries(adaptation.limits).flatMap(([name, set]) => (set ? [] : [name]));
  if (missing.length === 0) return;
  const why = host.cgroupVersion === "v2" ? "their cgroup controllers are not delegated" : "of cgroups v1";
  adaptation.lacks.push(`rootless Podman cannot limit ${missing.join(", ")} here because ${why}: left out`);
}

/** proc_pid_limits(5); hosts without it (macOS, Windows) run Podman in a machine of its own with ample limits. */
function readUlimits(): HostFacts["ulimits"] {
  const limits = { nofile: 65_536, nproc: 32_768 };
  try {
    const text = readFileSync("/proc/self/limits", "utf8");
    limits.nofile = Math.min(limits.nofile, hardLimit(text, "Max open files"));
    limits.nproc = Math.min(limits.nproc, hardLimit(text, "Max processes"));
  } catch {
    // The defaults stand.
  }
  return limits;
}

function hardLimit(limits: string, row: string): number {
  const line = limits.split("\n").find((candidate) => candidate.startsWith(row)) ?? "";
  const value = line.slice(row.length).trim().split(/\s+/)[1];
  return value === undefined || value === "unlimited" ? Number.POSITIVE_INFINITY : Number(value);
}
