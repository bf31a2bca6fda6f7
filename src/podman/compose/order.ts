/** Which services a call is for, and in which order they start. */
import { PodexecError } from "../../errors.ts";
import type { Dependency, Service } from "./schema.ts";

export type Services = Readonly<Record<string, Service>>;

/** What a service waits for: `depends_on`, and what `links` and a shared network namespace imply. */
export function dependenciesOf(service: Service): Record<string, Dependency> {
  const implied: Dependency = { condition: "service_started", required: true };
  const links = (service.links ?? []).map((link) => link.split(":")[0] ?? link);
  const shared = /^service:(.+)$/.exec(service.network_mode ?? "")?.[1];
  const names = [...links, ...(shared === undefined ? [] : [shared])];
  return { ...Object.fromEntries(names.map((name) => [name, implied])), ...service.depends_on };
}

/**
 * The services that start, each behind those it depends on.
 *
 * @param asked by name, with what they depend on; none: all whose profiles are active
 * @param profiles the active ones; those of services asked by name are too
 * @throws PodexecError INVALID_PARAMS for an unknown service or a circle
 */
export function startOrder(services: Services, asked: readonly string[], profiles: readonly string[]): string[] {
  const active = new Set([...profiles, ...asked.flatMap((name) => profilesOf(services, name))]);
  const isActive = (name: string) => {
    const own = profilesOf(services, name);
    return own.length === 0 || active.has("*") || own.some((profile) => active.has(profile));
  };
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]) => {
    if (path.includes(name))
      throw new PodexecError(
        "INVALID_PARAMS",
        `services depend on each other in a circle: ${[...path, name].join(" -> ")}`,
      );
    if (order.includes(name)) return;
    const service = Object.hasOwn(services, name) ? services[name] : undefined;
    if (!service) throw unknown(services, name, path.at(-1));
    for (const [other, { required }] of Object.entries(dependenciesOf(service))) {
      if (!required && (!Object.hasOwn(services, other) || !isActive(other))) continue;
      if (Object.hasOwn(services, other) && !isActive(other)) throw inactive(name, other);
      visit(other, [...path, name]);
    }
    order.push(name);
  };
  const wanted = asked.length > 0 ? asked : Object.keys(services).filter(isActive);
  for (const name of wanted) visit(name, []);
  return order;
}

function profilesOf(services: Services, name: string): readonly string[] {
  return (Object.hasOwn(services, name) ? services[name]?.profiles : undefined) ?? [];
}

function unknown(services: Services, name: string, by: string | undefined): PodexecError {
  const why = by === undefined ? "" : `, on which ${by} depends`;
  const there = Object.keys(services).slice(0, 50).join(", ");
  return new PodexecError("INVALID_PARAMS", `there is no service ${name.slice(0, 100)}${why}`, {
    hint: `There are: ${there}.`,
  });
}

function inactive(name: string, other: string): PodexecError {
  return new PodexecError("INVALID_PARAMS", `${name} depends on ${other}, whose profiles are not active`, {
    hint: `Name its profile in \`profiles\`, or ${other} in \`services\`.`,
  });
}
