/** Volumes and folders of the host for a container, as a client writes them. */
import { PodexecError } from "../../errors.ts";
import { containerPath, objectName, quoted } from "./names.ts";
import { hostPath, type Policy } from "./policy.ts";

/** Options of `--volume` that give a container no more than it has (`dev` and `suid` would). */
const OPTIONS: ReadonlySet<string> = new Set([
  ...["ro", "rw", "z", "Z", "U", "O", "nocopy", "copy", "exec", "noexec", "nodev", "nosuid", "idmap"],
  ...["private", "rprivate", "slave", "rslave"],
]);

/**
 * `HOST:CONTAINER[:OPTIONS]` with a folder of the host or a volume's name, or `CONTAINER` alone for a new volume.
 *
 * @param base what a relative HOST starts from; default: it is refused
 * @returns the value for `--volume`, with the host's path resolved
 * @throws PodexecError INVALID_PARAMS, REFUSED for a folder that the operator has not allowed
 */
export function volumeMapping(policy: Policy, text: string, place: { base?: string; isRemote?: boolean } = {}): string {
  const parts = text.split(":");
  if (parts.length > 3 || /[\0\n]/.test(text)) throw wrong(text);
  if (parts.length === 1) return containerPath("volumes", text);
  const [source = "", target = "", options] = parts;
  const inside = containerPath("volumes", target);
  const from = /^[./~]/.test(source) ? hostPath(policy, source, place) : objectName("volume", source);
  if (from.includes(":")) throw wrong(text);
  return [from, inside, ...(options === undefined ? [] : [checkedOptions(text, options)])].join(":");
}

/** The volume's name in a mapping; none where it is a folder of the host or a new volume without a name. */
export function volumeNameIn(text: string): string | undefined {
  const [source = "", target] = text.split(":");
  return target === undefined || /^[./~]/.test(source) ? undefined : source;
}

function checkedOptions(text: string, options: string): string {
  const unknown = options.split(",").find((option) => !OPTIONS.has(option));
  if (unknown === undefined) return options;
  throw wrong(text, `the option ${quoted(unknown)} is not one of ${[...OPTIONS].join(", ")}`);
}

function wrong(text: string, why?: string): PodexecError {
  return new PodexecError("INVALID_PARAMS", `volumes: ${quoted(text)}${why ? `: ${why}` : " is no mapping"}`, {
    hint: "Write VOLUME:/path/inside or /path/of/host:/path/inside, with :ro behind it to be read-only.",
  });
}
