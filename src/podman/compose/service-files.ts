/** What a service sees of files that are not its image's: volumes, folders of the host, secrets and configs. */
import { PodexecError } from "../../errors.ts";
import { hostPath, type Policy } from "../manage/policy.ts";
import type { Composition } from "./read.ts";
import type { Grants } from "./resources.ts";
import type { FileGrant, Service } from "./schema.ts";
import { mountOf } from "./volumes.ts";

/** What a service's options depend on beside the service. */
export interface ServicePlace {
  name: string;
  composition: Composition;
  policy: Policy;
  selinux: boolean;
  /** Podman runs on another machine or behind a socket. */
  remote: boolean;
  /** Which limits this Podman can set. */
  limits: { memory: boolean; cpus: boolean; pids: boolean };
  grants: Grants;
  /** Takes the keys of what the service uses. */
  used: Record<keyof Grants, Set<string>>;
  /** Takes what is left out. */
  unsupported: string[];
}

/** `--mount` and `--tmpfs`. @throws PodexecError INVALID_PARAMS; REFUSED for folders of the host that are not allowed */
export function volumeArgs(service: Service, place: ServicePlace): string[] {
  const mounts = (service.volumes ?? []).flatMap((entry, at) => {
    const where = `services.${place.name}.volumes.${at}`;
    const volumeOf = (key: string) => volumeName(key, where, place);
    const pathOf = (path: string) =>
      hostPath(place.policy, path, { base: place.composition.folder, isRemote: place.remote });
    return ["--mount", mountOf(entry, { where, selinux: place.selinux, volumeOf, pathOf })];
  });
  const memory = (service.tmpfs ?? []).flatMap((entry) => {
    if (/^\/[^:\0]+(:[\w=,%.-]+)?$/.test(entry)) return ["--tmpfs", entry];
    throw new PodexecError(
      "INVALID_PARAMS",
      `services.${place.name}.tmpfs: ${JSON.stringify(entry.slice(0, 80))} is not PATH[:OPTIONS]`,
    );
  });
  return [...mounts, ...memory];
}

/** `--secret` for secrets and configs. @throws PodexecError INVALID_PARAMS */
export function secretArgs(service: Service, place: ServicePlace): string[] {
  const secrets = (service.secrets ?? []).flatMap((grant) => grantArgs("secrets", grant, place));
  const configs = (service.configs ?? []).flatMap((grant) => grantArgs("configs", grant, place));
  return [...secrets, ...configs];
}

function volumeName(key: string, where: string, { grants, used }: ServicePlace): string {
  const volume = grants.volumes.get(key);
  if (!volume) throw new PodexecError("INVALID_PARAMS", `${where}: there is no ${key} in volumes`);
  used.volumes.add(key);
  return volume.name;
}

function grantArgs(kind: "secrets" | "configs", grant: FileGrant, { name, grants, used }: ServicePlace): string[] {
  const where = `services.${name}.${kind}`;
  const key = `${kind}.${grant.source}`;
  const secret = grants.secrets.get(key);
  if (!secret) throw new PodexecError("INVALID_PARAMS", `${where}: there is no ${grant.source} in ${kind}`);
  used.secrets.add(key);
  const { target = kind === "secrets" ? grant.source : `/${grant.source}`, uid, gid, mode } = grant as Partial<Long>;
  if (/[,\0\n]/.test(target))
    throw new PodexecError("INVALID_PARAMS", `${where}: the target ${JSON.stringify(target)} is not allowed`);
  const numbers = Object.entries({ uid, gid, mode }).flatMap(([option, value]) => {
    if (value === undefined) return [];
    if (!/^0?o?\d{1,10}$/.test(value))
      throw new PodexecError("INVALID_PARAMS", `${where}.${option}: ${value} is no number`);
    return [`${option}=${value.replace("o", "")}`];
  });
  return ["--secret", [secret.name, "type=mount", `target=${target}`, ...numbers].join(",")];
}

type Long = Exclude<FileGrant, { source: string; target?: never }>;
