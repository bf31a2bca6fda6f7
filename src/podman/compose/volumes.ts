/** The mounts of a service, short and long, as `--mount` takes them. */
import { PodexecError } from "../../errors.ts";
import type { VolumeEntry } from "./schema.ts";
import { csvLine, size } from "./words.ts";

export interface MountPlace {
  selinux: boolean;
  /** Names the entry in messages. */
  where: string;
  /** Podman's name of one of the file's volumes. @throws PodexecError where there is none */
  volumeOf(key: string): string;
  /** The real path of a file or folder of the host. @throws PodexecError where it may not be mounted */
  pathOf(path: string): string;
}

type Long = Exclude<VolumeEntry, string>;

/** The value of `--mount`. @throws PodexecError INVALID_PARAMS, and what `place` throws */
export function mountOf(entry: VolumeEntry, place: MountPlace): string {
  const long = typeof entry === "string" ? fromShort(entry, place) : withoutOptions(entry);
  if (!long.target.startsWith("/")) throw invalid(place, `the target ${long.target} has to be an absolute path`);
  const maker = KINDS[long.type];
  if (!maker) throw invalid(place, `volumes of type ${long.type} are not supported`);
  return maker(long, place);
}

/** A long entry, or a short one with the options that only that form has. */
type Written = Long & { options: string[] };

const KINDS: Readonly<Record<string, (entry: Written, place: MountPlace) => string>> = {
  bind: bindOf,
  volume: volumeOf,
  tmpfs: tmpfsOf,
};

/** Words behind the second colon of a short entry; all but `ro` mean the same to Podman. */
const SHORT_OPTIONS: Readonly<Record<string, string>> = {
  rw: "",
  ro: "ro=true",
  z: "relabel=shared",
  Z: "relabel=private",
  U: "U=true",
  nocopy: "",
  rprivate: "bind-propagation=rprivate",
  rslave: "bind-propagation=rslave",
  cached: "",
  delegated: "",
  consistent: "",
};

function fromShort(entry: string, place: MountPlace): Written {
  const parts = entry.split(":");
  if (parts.length > 3 || parts.includes(""))
    throw invalid(place, `${JSON.stringify(entry)} is not SOURCE:TARGET[:OPTIONS]`);
  if (parts.length === 1) return { type: "volume", target: entry, options: [] };
  const [source = "", target = "", words = "rw"] = parts;
  const options = words.split(",").map((word) => {
    const option = Object.hasOwn(SHORT_OPTIONS, word) ? SHORT_OPTIONS[word] : undefined;
    if (option === undefined) throw invalid(place, `${JSON.stringify(word)} is no option of a volume`);
    return option;
  });
  return { type: /^[./~]/.test(source) ? "bind" : "volume", source, target, options: options.filter(Boolean) };
}

function withoutOptions(entry: Long): Written {
  const options = entry.read_only ? ["ro=true"] : [];
  const { propagation, selinux } = entry.bind ?? {};
  if (propagation !== undefined) options.push(`bind-propagation=${propagation}`);
  if (selinux !== undefined) options.push(`relabel=${selinux === "Z" ? "private" : "shared"}`);
  return { ...entry, options };
}

function bindOf({ source, target, options }: Written, place: MountPlace): string {
  if (source === undefined) throw invalid(place, "a bind mount needs a source");
  if (source.startsWith("~")) throw invalid(place, "~ is not replaced: write the whole path");
  const hasLabel = options.some((option) => option.startsWith("relabel="));
  const label = place.selinux && !hasLabel ? ["relabel=shared"] : [];
  return csvLine(["type=bind", `src=${place.pathOf(source)}`, `dst=${target}`, ...options, ...label]);
}

function volumeOf({ source, target, options }: Written, place: MountPlace): string {
  const name = source === undefined ? [] : [`src=${place.volumeOf(source)}`];
  return csvLine(["type=volume", ...name, `dst=${target}`, ...options]);
}

function tmpfsOf({ target, tmpfs, options }: Written, place: MountPlace): string {
  const bytes = tmpfs?.size === undefined ? [] : [`tmpfs-size=${size(tmpfs.size, place.where)}`];
  const mode = tmpfs?.mode === undefined ? [] : [`tmpfs-mode=${tmpfs.mode}`];
  return csvLine(["type=tmpfs", `dst=${target}`, ...bytes, ...mode, ...options]);
}

function invalid(place: MountPlace, why: string): PodexecError {
  return new PodexecError("INVALID_PARAMS", `${place.where}: ${why}`);
}
