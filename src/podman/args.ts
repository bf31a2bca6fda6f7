/** From a sandbox's specification to the arguments of `podman run`. */
import type { SandboxSpec } from "../sandbox/engine.ts";
import type { Adaptation } from "./adaptation.ts";

/** What apt, git and builds need of root's capabilities (capabilities(7)). */
const KEPT_CAPABILITIES = [
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "setgid",
  "setuid",
  "net_bind_service",
] as const;

/** What the agent needs to lock the sandbox's network and to drop capabilities; it gives them up before any command. */
const AGENT_CAPABILITIES = ["net_admin", "setpcap"] as const;

export interface RunPlace {
  name: string;
  /** Where the agent and its socket lie inside the sandbox. */
  agentFolder: string;
  /** The host's folder that is mounted there; undefined where the agent is copied in. */
  folder?: string;
  /** The host's folder for /workspace, where it is not the specification's own path. */
  workspace?: string;
  labels: readonly string[];
  /** Addresses of this host, which sandboxes must not reach. */
  blocked: readonly string[];
  spillLimit: number;
}

/**
 * What stands behind `podman run` or `podman create` for a sandbox, the image and the agent's own arguments included.
 * Every value stands behind its own flag or behind the image, so nothing from outside can become a flag.
 */
export function runArgs(spec: SandboxSpec, place: RunPlace, adaptation: Adaptation): string[] {
  return [
    ...["--rm", "--pull", "never", "--name", place.name, "--hostname", "sandbox"],
    ...place.labels,
    ...["--user", "0:0", "--http-proxy=false", "--log-driver", "none", "--stop-signal", "SIGTERM"],
    ...securityArgs(),
    ...networkArgs(spec, adaptation),
    ...limitArgs(spec, adaptation),
    ...mountArgs(spec, place, adaptation),
    ...Object.entries(spec.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...adaptation.runArgs,
    ...["--entrypoint", `${place.agentFolder}/agent`, "--", spec.image],
    ...agentArgs(spec, place),
  ];
}

function securityArgs(): string[] {
  const capabilities = [...KEPT_CAPABILITIES, ...AGENT_CAPABILITIES].flatMap((name) => ["--cap-add", name]);
  return ["--security-opt", "no-new-privileges", "--cap-drop", "all", ...capabilities];
}

function networkArgs(spec: SandboxSpec, adaptation: Adaptation): string[] {
  return ["--network", spec.network === "none" ? "none" : adaptation.network];
}

function limitArgs(spec: SandboxSpec, adaptation: Adaptation): string[] {
  const args: string[] = [];
  if (adaptation.limits.memory) args.push("--memory", String(spec.memory), "--memory-swap", String(spec.memory));
  if (adaptation.limits.cpus) args.push("--cpus", String(spec.cpus));
  if (adaptation.limits.pids) args.push("--pids-limit", String(spec.pids));
  if (spec.disk !== undefined) args.push("--storage-opt", `size=${spec.disk}`);
  return args;
}

function mountArgs(spec: SandboxSpec, place: RunPlace, adaptation: Adaptation): string[] {
  const label = adaptation.selinux ? ["relabel=shared"] : [];
  const args: string[] = [];
  if (place.folder !== undefined) {
    args.push("--mount", csvLine(["type=bind", `src=${place.folder}`, `dst=${place.agentFolder}`, ...label]));
  }
  if (spec.workspace) {
    const source = place.workspace ?? spec.workspace.path;
    const access = spec.workspace.readOnly ? ["ro=true"] : [];
    args.push("--mount", csvLine(["type=bind", `src=${source}`, "dst=/workspace", ...access, ...label]));
    args.push("--workdir", "/workspace");
  }
  return args;
}

function agentArgs(spec: SandboxSpec, place: RunPlace): string[] {
  const args = ["serve", "--socket", `${place.agentFolder}/s`, "--lease", String(spec.leaseMs)];
  args.push("--keep-caps", KEPT_CAPABILITIES.join(","), "--spill-limit", String(place.spillLimit));
  if (spec.network !== "none") args.push("--lock-network");
  if (place.blocked.length > 0) args.push("--block", place.blocked.join(","));
  return args;
}

/** The value of `--mount` is a line of CSV (RFC 4180): a field with a comma or a quote stands in quotes. */
function csvLine(fields: readonly string[]): string {
  return fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",");
}
