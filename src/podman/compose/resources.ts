/** The networks, volumes and secrets of a project. */
import { PodexecError } from "../../errors.ts";
import { label, objectName } from "../manage/names.ts";
import { digestOf, isProjectLabel, projectLabels } from "./labels.ts";
import type { Composition } from "./read.ts";
import type { FileResource, NetworkResource, Pair, VolumeResource } from "./schema.ts";

export interface PlannedObject {
  /** Podman's. */
  name: string;
  /** Has to be there already: it is neither made nor removed. */
  external: boolean;
  /** Behind `podman network create` and the like, the name excluded. */
  options: string[];
  /** Of a secret's content. */
  hash?: string;
  /** A secret's content, passed by standard input. */
  content?: Buffer;
}

export interface Grants {
  networks: ReadonlyMap<string, PlannedObject>;
  volumes: ReadonlyMap<string, PlannedObject>;
  /** By `secrets.NAME` and `configs.NAME`. */
  secrets: ReadonlyMap<string, PlannedObject>;
}

/** @throws PodexecError INVALID_PARAMS; REFUSED for a volume that is a folder of the host */
export function planVolumes(
  project: string,
  volumes: Record<string, VolumeResource>,
  unsupported: string[],
): ReadonlyMap<string, PlannedObject> {
  const planned = Object.entries(volumes).map(([key, volume]): [string, PlannedObject] => {
    const where = `volumes.${key}`;
    if (volume.driver !== undefined && volume.driver !== "local")
      unsupported.push(`${where}.driver: the local one is used`);
    const options = Object.entries(volume.driver_opts ?? {}).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    const isMemory = options.some(([name, value]) => name === "type" && value === "tmpfs");
    if (options.length > 0 && !isMemory) {
      throw new PodexecError("REFUSED", `${where}.driver_opts: only volumes in memory (type: tmpfs) have options`, {
        hint: "Mount a folder of the host with a bind mount in the service, below a folder of --allow-mount.",
      });
    }
    const flags = options.flatMap(([name, value]) => ["--opt", `${name}=${value}`]);
    return [key, objectOf({ key, where, project, resource: volume }, flags)];
  });
  return new Map(planned);
}

/** The network `default` is there for all that name none. @throws PodexecError INVALID_PARAMS */
export function planNetworks(
  project: string,
  networks: Record<string, NetworkResource>,
  unsupported: string[],
): ReadonlyMap<string, PlannedObject> {
  const all: Record<string, NetworkResource> = { default: {}, ...networks };
  const planned = Object.entries(all).map(([key, network]): [string, PlannedObject] => {
    const where = `networks.${key}`;
    const { driver, internal, enable_ipv6: ipv6, driver_opts: driverOptions } = network;
    if (driver !== undefined && driver !== "bridge" && !network.external) {
      throw new PodexecError(
        "REFUSED",
        `${where}.driver: ${driver} reaches the host's own network; only bridge is made`,
      );
    }
    if (Object.keys(driverOptions ?? {}).length > 0) unsupported.push(`${where}.driver_opts`);
    const ranges = (network.ipam?.config ?? []).flatMap((row) => rangeArgs(row, where));
    const flags = [...(internal ? ["--internal"] : []), ...(ipv6 ? ["--ipv6"] : []), ...ranges];
    return [key, objectOf({ key, where, project, resource: network }, flags)];
  });
  return new Map(planned);
}

/** Secrets and configs alike are secrets of Podman: their content is copied once and never shown. */
export function planSecrets({ project, compose, contents }: Composition): ReadonlyMap<string, PlannedObject> {
  const kinds: [string, Record<string, FileResource>][] = [
    ["secrets", compose.secrets ?? {}],
    ["configs", compose.configs ?? {}],
  ];
  const planned = kinds.flatMap(([kind, resources]) =>
    Object.entries(resources).map(([key, resource]): [string, PlannedObject] => {
      const where = `${kind}.${key}`;
      const object = objectOf({ key, where, project, resource }, []);
      const content = contents.get(where);
      if (content === undefined) return [where, object];
      const hash = digestOf(content);
      return [where, { ...object, name: `${object.name}_${hash.slice(0, 12)}`, content, hash }];
    }),
  );
  return new Map(planned);
}

interface Named {
  key: string;
  where: string;
  project: string;
  resource: { name?: string | undefined; external?: boolean | undefined; labels?: Pair[] | undefined };
}

function objectOf({ key, where, project, resource }: Named, flags: string[]): PlannedObject {
  const external = resource.external === true;
  const name = objectName(where, resource.name ?? (external ? key : `${project}_${key}`));
  if (external) return { name, external, options: [] };
  return { name, external, options: [...projectLabels(project), ...labelArgs(resource.labels ?? [], where), ...flags] };
}

/** `volume create` takes several labels in one flag, separated by commas. */
function labelArgs(labels: readonly Pair[], where: string): string[] {
  return labels.flatMap(([name, value]) => {
    if (isProjectLabel(name)) throw new PodexecError("REFUSED", `${where}.labels: ${name} is set by podexec itself`);
    const text = label([name, value ?? ""]);
    if (/[,"\n]/.test(text))
      throw new PodexecError("INVALID_PARAMS", `${where}.labels.${name}: no comma, quote or line break here`);
    return ["--label", text];
  });
}

const ADDRESS = /^[0-9a-fA-F:.]+(\/\d{1,3})?(-[0-9a-fA-F:.]+)?$/;

function rangeArgs(
  row: { subnet?: string | undefined; gateway?: string | undefined; ip_range?: string | undefined },
  where: string,
): string[] {
  const flags: [string, string | undefined][] = [
    ["--subnet", row.subnet],
    ["--gateway", row.gateway],
    ["--ip-range", row.ip_range],
  ];
  return flags.flatMap(([flag, value]) => {
    if (value === undefined) return [];
    if (!ADDRESS.test(value))
      throw new PodexecError(
        "INVALID_PARAMS",
        `${where}.ipam: ${JSON.stringify(value.slice(0, 80))} is not an address or range`,
      );
    return [flag, value];
  });
}
