/** From a client's wishes for a container to the arguments of `podman run`. */
import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import { inspect } from "./inspect.ts";
import { containerName, containerPath, imageName, label, objectName, quoted, userName, variable } from "./names.ts";
import type { PodmanManager } from "./manager.ts";
import { capability, checkHostNamespace, checkPrivileged, device } from "./policy.ts";
import { portMapping } from "./ports.ts";
import { volumeMapping, volumeNameIn } from "./volumes.ts";

const text = z
  .string()
  .max(131_072)
  .refine((value) => !value.includes("\0"), "must not contain NUL");
const short = z.string().max(4_200);
const duration = z.string().regex(/^(\d{1,6}(\.\d+)?(h|m|s|ms))+$/, "must be a duration such as 30s");

const healthcheckWish = z.strictObject({
  command: z
    .union([text, z.array(text).min(1).max(100)])
    .describe("A shell's command line, or a program with arguments."),
  interval: duration.optional(),
  timeout: duration.optional(),
  start_period: duration.optional(),
  retries: z.int().min(1).max(1000).optional(),
});

/** What `podman_run` takes, but for what says how it is waited for. */
export const runWish = z.strictObject({
  image: z.string().max(400).describe("Name or id; it is pulled where it is missing."),
  name: z.string().max(300).optional(),
  command: z.array(text).max(1000).optional().describe("Program and arguments; default: the image's."),
  env: z.array(text).max(1000).optional().describe("NAME=VALUE."),
  ports: z
    .array(short)
    .max(200)
    .optional()
    .describe("HOST:CONTAINER, also [ADDRESS:][HOST:]CONTAINER[/udp] and ranges."),
  volumes: z
    .array(short)
    .max(100)
    .optional()
    .describe("HOST:CONTAINER[:ro], HOST a volume's name, or a folder of the host that the operator allows."),
  detach: z.boolean().default(true).describe("False: wait for its end and return its output and exit status."),
  restart: z.enum(["no", "always", "on-failure", "unless-stopped"]).optional(),
  remove: z.boolean().default(false).describe("Remove the container when it ends."),
  network: z
    .string()
    .max(300)
    .optional()
    .describe("A network's name, none, bridge, private, container:NAME; host where allowed."),
  memory: z
    .string()
    .regex(/^\d{1,15}[bkmgt]?$/i, "must be a size such as 512m")
    .optional(),
  cpus: z.number().positive().max(1024).optional(),
  pids_limit: z.int().min(-1).max(4_194_304).optional(),
  user: z.string().max(130).optional(),
  workdir: z.string().max(4_095).optional(),
  entrypoint: text.optional().describe("Program in place of the image's entry point."),
  labels: z.record(z.string().max(300), text).optional(),
  secrets: z.array(short).max(50).optional().describe("NAME, or NAME,type=env,target=VARIABLE."),
  healthcheck: healthcheckWish.optional(),
  privileged: z.boolean().default(false).describe("Refused unless the operator allows it."),
  cap_add: z.array(z.string().max(50)).max(50).optional().describe("Refused unless the operator allows them."),
  cap_drop: z
    .array(z.string().regex(/^[a-zA-Z_]{1,40}$/))
    .max(50)
    .optional(),
  devices: z.array(z.string().max(300)).max(50).optional().describe("Refused unless the operator allows them."),
  host_namespaces: z
    .array(z.enum(["pid", "ipc", "uts", "cgroup", "user"]))
    .max(5)
    .optional()
    .describe("Refused unless the operator allows them."),
});
export type RunWish = z.infer<typeof runWish>;

/**
 * What stands behind `podman run`, the image and the command included. Every value stands behind its own flag or behind
 * `--`.
 *
 * @throws PodexecError INVALID_PARAMS, INVALID_CONTAINER_NAME, INVALID_IMAGE_NAME, REFUSED, CONTAINER_NOT_FOUND
 */
export async function runArgs(manager: PodmanManager, wish: RunWish, signal?: AbortSignal): Promise<string[]> {
  if (wish.remove && wish.restart !== undefined && wish.restart !== "no") {
    throw new PodexecError("INVALID_PARAMS", "remove and restart exclude each other");
  }
  const volumes = each("--volume", wish.volumes, (volume) =>
    volumeMapping(manager.policy, volume, { isRemote: manager.adaptation.remote }),
  );
  await ownVolumes(manager, wish.volumes ?? [], signal);
  return [
    ...manager.makeArgs,
    ...volumes,
    ...(wish.name === undefined ? [] : ["--name", containerName(wish.name)]),
    ...each("--env", wish.env, variable),
    ...each("--publish", wish.ports, portMapping),
    ...each("--label", Object.entries(wish.labels ?? {}), label),
    ...each("--secret", wish.secrets, secretMapping),
    ...(await networkArgs(manager, wish.network, signal)),
    ...placeArgs(wish),
    ...limitArgs(wish),
    ...(wish.healthcheck ? healthArgs(wish.healthcheck) : []),
    ...privilegeArgs(manager, wish),
    ...["--", imageName(wish.image), ...(wish.command ?? [])],
  ];
}

/** With --own-only volumes are podexec's own too, and those that are not there yet become that. */
async function ownVolumes(manager: PodmanManager, volumes: readonly string[], signal?: AbortSignal): Promise<void> {
  if (!manager.policy.ownOnly) return;
  for (const name of volumes.map(volumeNameIn)) {
    if (name === undefined) continue;
    try {
      await inspect(manager, { name, kind: "volume" }, signal);
    } catch (error) {
      if (!(error instanceof PodexecError) || error.code !== "VOLUME_NOT_FOUND") throw error;
      await manager.must(["volume", "create", ...manager.labelArgs, "--", name], signal ? { signal } : {});
    }
  }
}

/** The arguments of a healthcheck. */
function healthArgs({ command, interval, timeout, start_period, retries }: z.infer<typeof healthcheckWish>): string[] {
  // Podman takes a list of words for a program with arguments, and anything else for a shell's command line.
  const words = typeof command === "string" ? command : JSON.stringify(command);
  return [
    `--health-cmd=${words}`,
    ...given("--health-interval", interval),
    ...given("--health-timeout", timeout),
    ...given("--health-start-period", start_period),
    ...given("--health-retries", retries),
  ];
}

/** Ways to be connected, and Podman's own network, which is nobody's. */
const NETWORK_MODES: ReadonlySet<string> = new Set([
  "none",
  "host",
  "bridge",
  "private",
  "slirp4netns",
  "pasta",
  "podman",
]);

/** @throws PodexecError INVALID_PARAMS, REFUSED, CONTAINER_NOT_FOUND, NETWORK_NOT_FOUND */
export async function networkArgs(
  manager: PodmanManager,
  network: string | undefined,
  signal?: AbortSignal,
): Promise<string[]> {
  if (network === undefined) return [];
  if (network === "host") checkHostNamespace(manager.policy, "network: host");
  const [, other] = /^container:(.+)$/.exec(network) ?? [];
  if (other === undefined) {
    const name = objectName("network", network);
    if (manager.policy.ownOnly && !NETWORK_MODES.has(name)) await inspect(manager, { name, kind: "network" }, signal);
    return ["--network", name];
  }
  return ["--network", `container:${(await manager.target(other, signal)).id}`];
}

function placeArgs({ user, workdir, entrypoint, restart, remove }: RunWish): string[] {
  return [
    ...(user === undefined ? [] : ["--user", userName(user)]),
    ...(workdir === undefined ? [] : ["--workdir", containerPath("workdir", workdir)]),
    ...(entrypoint === undefined ? [] : [`--entrypoint=${JSON.stringify([entrypoint])}`]),
    ...given("--restart", restart),
    ...(remove ? ["--rm"] : []),
  ];
}

function limitArgs({ memory, cpus, pids_limit }: RunWish): string[] {
  return [...given("--memory", memory), ...given("--cpus", cpus), ...given("--pids-limit", pids_limit)];
}

function privilegeArgs({ policy }: PodmanManager, wish: RunWish): string[] {
  if (wish.privileged) checkPrivileged(policy);
  for (const name of wish.host_namespaces ?? []) checkHostNamespace(policy, `the host's ${name} namespace`);
  return [
    ...(wish.privileged ? ["--privileged"] : []),
    ...each("--cap-add", wish.cap_add, (name) => capability(policy, name)),
    ...each("--cap-drop", wish.cap_drop, (name) => name),
    ...each("--device", wish.devices, (name) => device(policy, name)),
    ...(wish.host_namespaces ?? []).map((name) =>
      name === "cgroup" ? "--cgroupns=host" : `--${name === "user" ? "userns" : name}=host`,
    ),
  ];
}

const SECRET_OPTION = /^(type=(mount|env)|target=[\w./-]{1,400}|uid=\d{1,10}|gid=\d{1,10}|mode=0?[0-7]{3,4})$/;

/** @throws PodexecError INVALID_PARAMS */
function secretMapping(secret: string): string {
  const [name = "", ...options] = secret.split(",");
  const wrong = options.find((option) => !SECRET_OPTION.test(option));
  if (wrong !== undefined)
    throw new PodexecError("INVALID_PARAMS", `secrets: ${quoted(wrong)} is no option of a secret`);
  return [objectName("secret", name), ...options].join(",");
}

function each<Item>(flag: string, items: readonly Item[] | undefined, value: (item: Item) => string): string[] {
  return (items ?? []).flatMap((item) => [flag, value(item)]);
}

function given(flag: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [flag, String(value)];
}
