/** What the podman tools refuse unless the operator allows it. */
import { realpathSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, relative } from "node:path";
import { PodexecError } from "../../errors.ts";
import { LABEL } from "../labels.ts";
import { quoted } from "./names.ts";

/** On every object that the podman tools make. Not the label of sandboxes, which are none of their business. */
export const MANAGED_LABEL = "podexec.managed";

export interface Policy {
  /** Only what carries podexec's label may be seen or touched. */
  ownOnly: boolean;
  /** Folders of the host that may be mounted, with all below them. */
  mounts: readonly string[];
  privileged: boolean;
  hostNamespaces: boolean;
  /** Capabilities that may be added, without `CAP_`; `all` allows every one. */
  capabilities: readonly string[];
  /** Devices that may be given, such as /dev/fuse. */
  devices: readonly string[];
}

export const STRICT: Policy = {
  ownOnly: false,
  mounts: [],
  privileged: false,
  hostNamespaces: false,
  capabilities: [],
  devices: [],
};

/** The error for what the operator has not allowed. @param flag of `podexec serve` that would */
export function refused(what: string, flag: string): PodexecError {
  return new PodexecError("REFUSED", `${what} is not allowed here`, {
    hint: `The operator of podexec can allow it with \`podexec serve ${flag}\`.`,
  });
}

/** @throws PodexecError REFUSED */
export function checkPrivileged(policy: Policy): void {
  if (!policy.privileged) throw refused("privileged", "--allow-privileged");
}

/** @param what such as `network: host` @throws PodexecError REFUSED */
export function checkHostNamespace(policy: Policy, what: string): void {
  if (!policy.hostNamespaces) throw refused(what, "--allow-host-namespaces");
}

/** A capability's name as Podman takes it. @throws PodexecError INVALID_PARAMS, REFUSED */
export function capability(policy: Policy, name: string): string {
  const plain = plainCapability(name);
  if (!/^[a-z_]{1,40}$/.test(plain)) throw new PodexecError("INVALID_PARAMS", `cap_add: ${quoted(name)} is none`);
  const allowed = policy.capabilities.map(plainCapability);
  if (allowed.includes("all") || allowed.includes(plain)) return plain;
  throw refused(`cap_add: ${plain}`, `--allow-cap ${plain}`);
}

/** A device `/dev/x`, `/dev/x:/dev/y` or with `:rwm`. @throws PodexecError INVALID_PARAMS, REFUSED */
export function device(policy: Policy, text: string): string {
  const [, source = ""] = /^(\/dev\/[\w./-]+)(?::\/dev\/[\w./-]+)?(?::[rwm]{1,3})?$/.exec(text) ?? [];
  if (source === "" || normalize(source) !== source) {
    throw new PodexecError("INVALID_PARAMS", `devices: ${quoted(text)} is no device`);
  }
  if (policy.devices.includes(source)) return text;
  throw refused(`the device ${source}`, `--allow-device ${source}`);
}

/**
 * A path of the host that is to be mounted or copied, resolved through all links.
 *
 * @param base what a relative path starts from; default: relative paths are refused
 * @param isRemote Podman runs elsewhere: links cannot be resolved here
 * @throws PodexecError INVALID_PARAMS, REFUSED where it lies in no allowed folder
 */
export function hostPath(policy: Policy, path: string, { base, isRemote = false }: HostPathOptions = {}): string {
  const whole = isAbsolute(path) || base === undefined ? path : join(base, path);
  if (!isAbsolute(whole) || /[\0\n]/.test(whole) || whole.length > 4_095) {
    throw new PodexecError("INVALID_PARAMS", `${quoted(path)} is no absolute path of the host`);
  }
  const real = isRemote ? normalize(whole) : resolved(normalize(whole));
  const folders = policy.mounts.map((folder) => (isRemote ? normalize(folder) : resolved(folder)));
  if (folders.some((folder) => isWithin(real, folder))) return real;
  throw refused(`the host's path ${quoted(path)}`, `--allow-mount ${dirname(whole)}`);
}

interface HostPathOptions {
  base?: string;
  isRemote?: boolean;
}

/** The labels of a thing, as far as they decide who may touch it. @throws PodexecError REFUSED */
export function checkLabels(
  policy: Policy,
  what: string,
  labels: Readonly<Record<string, string>> | null | undefined,
): void {
  if (labels?.[LABEL] === "1") {
    throw new PodexecError("REFUSED", `${what} is a sandbox of podexec: the sandbox tools are for that`);
  }
  if (isVisible(policy, labels)) return;
  throw new PodexecError("REFUSED", `${what} was not made by podexec`, {
    hint: "podexec serves with --own-only: only what podman_run and the like made can be used.",
  });
}

/** Whether a listing shows a thing with these labels: no sandbox, and with --own-only only podexec's own. */
export function isVisible(policy: Policy, labels: Readonly<Record<string, string>> | null | undefined): boolean {
  if (labels?.[LABEL] === "1") return false;
  return !policy.ownOnly || labels?.[MANAGED_LABEL] === "1";
}

function plainCapability(name: string): string {
  return name.toLowerCase().replace(/^cap_/, "");
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith("../") && !isAbsolute(way));
}

/** The real path of what exists, and what does not exist yet below it. */
function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(resolved(parent), path.slice(parent === "/" ? 1 : parent.length + 1));
  }
}
