/** From a service of a compose file to the options of `podman create`. */
import { PodexecError } from "../../errors.ts";
import { imageName, label, userName } from "../manage/names.ts";
import { healthArgs, limitArgs, leaveArgs } from "./service-limits.ts";
import { networkArgs, portArgs } from "./service-network.ts";
import { secretArgs, volumeArgs, type ServicePlace } from "./service-files.ts";
import { isProjectLabel } from "./labels.ts";
import type { Build, Pair, Service } from "./schema.ts";
import { csvLine, milliseconds, splitWords } from "./words.ts";

export interface ServiceArgs {
  options: string[];
  /** Behind the image. */
  command: string[];
}

/**
 * What a service's container is created with, its name and the project's labels excluded.
 *
 * @throws PodexecError INVALID_PARAMS naming the place; REFUSED for what the operator has not allowed
 */
export function serviceArgs(service: Service, place: ServicePlace): ServiceArgs {
  const where = `services.${place.name}`;
  const entrypoint = commandOf(service.entrypoint, `${where}.entrypoint`);
  const options = [
    ...networkArgs(service, place),
    ...portArgs(service, where),
    ...environmentArgs(service, place),
    ...volumeArgs(service, place),
    ...secretArgs(service, place),
    ...labelArgs(service.labels ?? [], `${where}.labels`),
    ...(service.annotations ?? []).flatMap(([name, value]) => ["--annotation", csvLine([`${name}=${value ?? ""}`])]),
    ...healthArgs(service, where),
    ...limitArgs(service, place),
    ...leaveArgs(service, place),
    ...processArgs(service, where),
    ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint.length === 0 ? "" : JSON.stringify(entrypoint)]),
  ];
  return { options, command: commandOf(service.command, `${where}.command`) ?? [] };
}

/** Behind `podman build`, the Containerfile and the folder excluded. */
export function buildArgs(
  build: Build,
  { image, name, runArgs }: { image: string; name: string; runArgs: readonly string[] },
): string[] {
  const where = `services.${name}.build`;
  return [
    ...["--tag", imageName(image), "--force-rm"],
    ...(build.target === undefined ? [] : [`--target=${build.target}`]),
    ...(build.no_cache ? ["--no-cache"] : []),
    ...(build.pull ? ["--pull-always"] : []),
    ...(build.args ?? []).flatMap(([name, value]) => (value === null ? [] : ["--build-arg", `${name}=${value}`])),
    ...labelArgs(build.labels ?? [], `${where}.labels`),
    ...runArgs,
  ];
}

/** The words of a command; none where the image's own is meant. */
function commandOf(command: string | readonly string[] | null | undefined, where: string): string[] | undefined {
  if (command === undefined || command === null) return undefined;
  const words = typeof command === "string" ? splitWords(command, where) : [...command];
  if (words.some((word) => word.includes("\0")))
    throw new PodexecError("INVALID_PARAMS", `${where} must not contain NUL`);
  return words;
}

function environmentArgs(service: Service, { composition, name }: ServicePlace): string[] {
  const merged = new Map<string, string>(Object.entries(composition.envFiles.get(name) ?? {}));
  for (const [variable, value] of service.environment ?? []) {
    if (!/^[^\s=\0]+$/.test(variable))
      throw new PodexecError("INVALID_PARAMS", `services.${name}.environment: a name is not one`);
    const given =
      value ?? (Object.hasOwn(composition.variables, variable) ? composition.variables[variable] : undefined);
    if (given === undefined) merged.delete(variable);
    else merged.set(variable, given);
  }
  return [...merged].flatMap(([variable, value]) => ["--env", `${variable}=${value}`]);
}

/** `--label` for labels of the file. @throws PodexecError INVALID_PARAMS, REFUSED for podexec's own */
function labelArgs(labels: readonly Pair[], where: string): string[] {
  return labels.flatMap(([name, value]) => {
    if (isProjectLabel(name)) throw new PodexecError("REFUSED", `${where}: ${name} is set by podexec itself`);
    return ["--label", label([name, value ?? ""])];
  });
}

const RESTART = /^(no|always|unless-stopped|on-failure(:\d{1,6})?)$/;
const SIGNAL = /^[A-Z0-9+]{1,20}$/;
const HOSTNAME = /^[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}$/;
const PLATFORM = /^[a-z0-9]+(\/[a-z0-9]+){0,2}$/;

function processArgs(service: Service, where: string): string[] {
  const { restart, stop_signal: signal, stop_grace_period: grace, hostname, platform, working_dir: folder } = service;
  const flags: [string, string | undefined][] = [
    ["--restart", checked(restart, RESTART, `${where}.restart`)],
    ["--stop-signal", checked(signal, SIGNAL, `${where}.stop_signal`)],
    [
      "--stop-timeout",
      grace === undefined ? undefined : String(Math.ceil(milliseconds(grace, `${where}.stop_grace_period`) / 1000)),
    ],
    ["--hostname", checked(hostname, HOSTNAME, `${where}.hostname`)],
    ["--platform", checked(platform, PLATFORM, `${where}.platform`)],
    ["--workdir", checked(folder, /^\/[^\0]*$/, `${where}.working_dir`)],
    ["--user", service.user === undefined ? undefined : userName(service.user)],
  ];
  const switches: [string, boolean | undefined][] = [
    ["--init", service.init],
    ["--read-only", service.read_only],
    ["--interactive", service.stdin_open],
    ["--tty", service.tty],
  ];
  const groups = (service.group_add ?? []).map((group) =>
    checked(group, /^(?!keep-groups)[\w-]{1,64}$/, `${where}.group_add`),
  );
  return [
    ...flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value])),
    ...switches.flatMap(([flag, on]) => (on ? [flag] : [])),
    ...groups.flatMap((group) => ["--group-add", group ?? ""]),
  ];
}

/** A value as it is, where it looks like one. @throws PodexecError INVALID_PARAMS */
function checked(value: string | undefined, pattern: RegExp, where: string): string | undefined {
  if (value === undefined || pattern.test(value)) return value;
  throw new PodexecError("INVALID_PARAMS", `${where}: ${JSON.stringify(value.slice(0, 80))} is not allowed there`);
}
