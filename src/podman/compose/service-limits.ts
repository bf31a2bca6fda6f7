/** What a service may use, how its health is asked for, and what needs the operator's leave. */
import { PodexecError } from "../../errors.ts";
import { capability, checkHostNamespace, checkPrivileged, device, refused } from "../manage/policy.ts";
import type { Service } from "./schema.ts";
import type { ServicePlace } from "./service-files.ts";
import { milliseconds, size } from "./words.ts";

/** `--memory`, `--cpus` and the like; what this Podman cannot limit is told. @throws PodexecError INVALID_PARAMS */
export function limitArgs(service: Service, { name, limits, unsupported }: ServicePlace): string[] {
  const where = `services.${name}`;
  const { limits: most, reservations } = service.deploy?.resources ?? {};
  const memory = most?.memory ?? service.mem_limit;
  const soft = reservations?.memory ?? service.mem_reservation;
  const sized = (value: string | undefined, key: string) =>
    value === undefined ? undefined : size(value, `${where}.${key}`);
  const rows: [keyof typeof limits | "always", string, string | undefined][] = [
    ["memory", "--memory", sized(memory, "mem_limit")],
    ["memory", "--memory-reservation", sized(soft, "mem_reservation")],
    ["cpus", "--cpus", numeric(most?.cpus ?? service.cpus, `${where}.cpus`)],
    ["pids", "--pids-limit", numeric(most?.pids ?? service.pids_limit, `${where}.pids_limit`)],
    ["always", "--shm-size", sized(service.shm_size, "shm_size")],
  ];
  const flags = rows.flatMap(([kind, flag, value]) => {
    if (value === undefined) return [];
    if (kind === "always" || limits[kind]) return [flag, value];
    unsupported.push(`${where}: this host's Podman cannot limit ${kind}`);
    return [];
  });
  return [...flags, ...ulimitArgs(service, where)];
}

function ulimitArgs({ ulimits = {} }: Service, where: string): string[] {
  return Object.entries(ulimits).flatMap(([kind, limit]) => {
    const value = typeof limit === "string" ? limit : `${limit.soft}:${limit.hard}`;
    if (/^[a-z]{2,12}$/.test(kind) && /^-?\d+(:-?\d+)?$/.test(value)) return ["--ulimit", `${kind}=${value}`];
    throw new PodexecError(
      "INVALID_PARAMS",
      `${where}.ulimits.${kind.slice(0, 40)}: ${value.slice(0, 40)} is no limit`,
    );
  });
}

function numeric(value: string | undefined, where: string): string | undefined {
  if (value === undefined || /^-?\d+(\.\d+)?$/.test(value)) return value;
  throw new PodexecError("INVALID_PARAMS", `${where}: ${JSON.stringify(value.slice(0, 40))} is no number`);
}

/** `--health-cmd` and the like. @throws PodexecError INVALID_PARAMS */
export function healthArgs({ healthcheck }: Service, service: string): string[] {
  if (!healthcheck) return [];
  const { test, disable, retries } = healthcheck;
  const where = `${service}.healthcheck`;
  if (disable || test === "NONE" || (Array.isArray(test) && test[0] === "NONE")) return ["--no-healthcheck"];
  const times: [string, string | undefined, string][] = [
    ["--health-interval", healthcheck.interval, "interval"],
    ["--health-timeout", healthcheck.timeout, "timeout"],
    ["--health-start-period", healthcheck.start_period, "start_period"],
  ];
  return [
    ...(test === undefined ? [] : ["--health-cmd", healthCommand(test, where)]),
    ...times.flatMap(([flag, text, key]) =>
      text === undefined ? [] : [flag, `${milliseconds(text, `${where}.${key}`)}ms`],
    ),
    ...(retries === undefined ? [] : ["--health-retries", String(retries)]),
  ];
}

/** A text is for a shell; Podman takes an argument array as JSON. */
function healthCommand(test: string | readonly string[], where: string): string {
  if (typeof test === "string") return test;
  const [kind, ...words] = test;
  if (kind === "CMD-SHELL" && words.length === 1) return words[0] ?? "";
  if (kind === "CMD" && words.length > 0) return JSON.stringify(words);
  throw new PodexecError(
    "INVALID_PARAMS",
    `${where}.test has to be a text, or a list that begins with CMD, CMD-SHELL or NONE`,
  );
}

/** What could reach the host. @throws PodexecError REFUSED where the operator has not allowed it */
export function leaveArgs(service: Service, place: ServicePlace): string[] {
  const { policy } = place;
  const args: string[] = [];
  if (service.privileged) {
    checkPrivileged(policy);
    args.push("--privileged");
  }
  for (const name of service.cap_add ?? []) args.push("--cap-add", capability(policy, name));
  for (const name of service.cap_drop ?? []) args.push("--cap-drop", dropped(name, place.name));
  for (const entry of service.devices ?? []) args.push("--device", device(policy, String(entry)));
  for (const option of service.security_opt ?? []) args.push("--security-opt", securityOption(option, place));
  return [...args, ...namespaceArgs(service, place)];
}

function dropped(name: string, service: string): string {
  const plain = name.toLowerCase().replace(/^cap_/, "");
  if (/^[a-z_]{1,40}$/.test(plain)) return plain;
  throw new PodexecError(
    "INVALID_PARAMS",
    `services.${service}.cap_drop: ${JSON.stringify(name.slice(0, 40))} is none`,
  );
}

/** Those that take rights away are free; the others are what `privileged` is made of. */
function securityOption(option: string, { policy, name }: ServicePlace): string {
  if (/^no-new-privileges([:=]true)?$/.test(option)) return "no-new-privileges";
  if (!/^(seccomp|apparmor|label|mask|unmask|systempaths)[:=][\w:=.,/-]+$/.test(option)) {
    throw new PodexecError(
      "INVALID_PARAMS",
      `services.${name}.security_opt: ${JSON.stringify(option.slice(0, 80))} is none`,
    );
  }
  if (!policy.privileged) throw refused(`services.${name}.security_opt: ${option}`, "--allow-privileged");
  return option.replace(/^(\w+):/, "$1=");
}

function namespaceArgs(service: Service, place: ServicePlace): string[] {
  const asked: [string, string | undefined][] = [
    ["pid", service.pid],
    ["ipc", service.ipc],
    ["uts", service.uts],
    ["userns", service.userns_mode],
    ["cgroupns", service.cgroup],
  ];
  return asked.flatMap(([kind, mode]) => {
    if (mode === undefined) return [];
    if (mode === "private" || (kind === "ipc" && mode === "shareable")) return [`--${kind}`, mode];
    if (mode !== "host") {
      throw new PodexecError(
        "INVALID_PARAMS",
        `services.${place.name}: ${kind} ${JSON.stringify(mode.slice(0, 80))} is neither private nor host`,
      );
    }
    checkHostNamespace(place.policy, `services.${place.name}: ${kind} host`);
    return [`--${kind}`, "host"];
  });
}
