/** The networks, ports and names of a service. */
import { PodexecError } from "../../errors.ts";
import { checkHostNamespace } from "../manage/policy.ts";
import { containerOf } from "./labels.ts";
import { publishOf } from "./ports.ts";
import type { Attachment, Service } from "./schema.ts";
import type { ServicePlace } from "./service-files.ts";

const ALIAS = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/;
const ADDRESS = /^[0-9a-fA-F:.]{2,45}$/;

/** `--network`, `--add-host`, `--dns`. @throws PodexecError INVALID_PARAMS, REFUSED */
export function networkArgs(service: Service, place: ServicePlace): string[] {
  const where = `services.${place.name}`;
  if (service.network_mode !== undefined && service.networks !== undefined)
    throw invalid(where, "network_mode and networks exclude each other");
  const dns = [...(service.dns ?? []).map((server) => address(server, `${where}.dns`))];
  const search = (service.dns_search ?? []).map((domain) => named(domain, `${where}.dns_search`));
  return [
    ...(service.network_mode === undefined ? attachments(service, place) : modeArgs(service.network_mode, place)),
    ...hostArgs(service, where),
    ...dns.flatMap((server) => ["--dns", server]),
    ...search.flatMap((domain) => ["--dns-search", domain]),
  ];
}

/** `--publish` and `--expose`. @throws PodexecError INVALID_PARAMS */
export function portArgs(service: Service, where: string): string[] {
  const published = (service.ports ?? []).flatMap((port, at) => ["--publish", publishOf(port, `${where}.ports.${at}`)]);
  const exposed = (service.expose ?? []).flatMap((port) => {
    if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(port))
      throw invalid(`${where}.expose`, `${quoted(port)} is no port`);
    return ["--expose", port];
  });
  return [...published, ...exposed];
}

function attachments(service: Service, place: ServicePlace): string[] {
  const networks: [string, Attachment][] = Object.entries(service.networks ?? { default: null });
  return networks.flatMap(([key, attachment]) => {
    const where = `services.${place.name}.networks.${key}`;
    const network = place.grants.networks.get(key);
    if (!network) throw invalid(where, "there is no such network in networks");
    place.used.networks.add(key);
    const { aliases = [], ipv4_address: ipv4, ipv6_address: ipv6, mac_address: mac } = attachment ?? {};
    const names = [...new Set([place.name, ...aliases.map((alias) => named(alias, where)), ...linkedNames(place)])];
    const options = [
      ...names.map((alias) => `alias=${alias}`),
      ...[ipv4, ipv6].filter((ip) => ip !== undefined).map((ip) => `ip=${address(ip, where)}`),
      ...(mac === undefined ? [] : [`mac=${address(mac, where)}`]),
    ];
    return ["--network", `${network.name}:${options.join(",")}`];
  });
}

/** Names that other services call this one by: `links: [this:alias]`. They are known to all of its networks. */
function linkedNames({ composition, name }: ServicePlace): string[] {
  return Object.values(composition.compose.services)
    .flatMap(({ links = [] }) => links.map((link) => link.split(":")))
    .flatMap(([service, alias]) => (service === name && alias !== undefined ? [named(alias, `links to ${name}`)] : []));
}

function modeArgs(mode: string, place: ServicePlace): string[] {
  const where = `services.${place.name}.network_mode`;
  if (mode === "none" || mode === "bridge") return ["--network", mode];
  if (mode === "host") {
    checkHostNamespace(place.policy, `${where}: host`);
    return ["--network", "host"];
  }
  const other = /^service:(.+)$/.exec(mode)?.[1];
  const service = other === undefined ? undefined : place.composition.compose.services[other];
  if (other === undefined || !service)
    throw invalid(where, `${quoted(mode)} is none of none, bridge, host and service:NAME`);
  return ["--network", `container:${containerOf(place.composition.project, other, service)}`];
}

function hostArgs({ extra_hosts: hosts = [] }: Service, where: string): string[] {
  const pairs = Array.isArray(hosts)
    ? hosts.map((word) => /^([^=:]+)[=:](.+)$/.exec(word)?.slice(1) ?? [word, ""])
    : Object.entries(hosts);
  return pairs.flatMap(([name = "", target = ""]) => {
    const to = target.replace(/^\[(.*)\]$/, "$1");
    const isAddress = to === "host-gateway" || ADDRESS.test(to);
    if (!isAddress) throw invalid(`${where}.extra_hosts`, `${quoted(`${name}=${target}`)} is not NAME=ADDRESS`);
    return ["--add-host", `${named(name, `${where}.extra_hosts`)}:${to}`];
  });
}

function named(name: string, where: string): string {
  if (ALIAS.test(name)) return name;
  throw invalid(where, `${quoted(name)} is not a name`);
}

function address(text: string, where: string): string {
  if (ADDRESS.test(text)) return text;
  throw invalid(where, `${quoted(text)} is not an address`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function invalid(where: string, why: string): PodexecError {
  return new PodexecError("INVALID_PARAMS", `${where}: ${why}`);
}
