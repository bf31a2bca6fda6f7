/** The ports of a service, short and long, as `--publish` takes them. */
import { PodexecError } from "../../errors.ts";
import type { PortEntry } from "./schema.ts";

const SHORT =
  /^(?:(?:(\[[0-9a-f:.]+\]|\d{1,3}(?:\.\d{1,3}){3}):)?(\d{1,5}(?:-\d{1,5})?)?:)?(\d{1,5}(?:-\d{1,5})?)(?:\/(tcp|udp|sctp))?$/i;

/**
 * `[ADDRESS:][HOST:]CONTAINER[/PROTOCOL]`, checked.
 *
 * @param where names the entry in messages
 * @throws PodexecError INVALID_PARAMS
 */
export function publishOf(entry: PortEntry, where: string): string {
  const written = typeof entry === "string" ? entry : fromLong(entry);
  const [matched, address, host, container = "", protocol] = SHORT.exec(written.trim()) ?? [];
  if (matched === undefined) {
    throw new PodexecError("INVALID_PARAMS", `${where}: ${JSON.stringify(written)} is not a port`, {
      hint: 'Write "8080:80", "127.0.0.1:8080:80/tcp" or "8000-8010:9000-9010", in quotes.',
    });
  }
  const lengths = [host, container].filter((range) => range !== undefined).map((range) => lengthOf(range, where));
  if (lengths.length === 2 && lengths[0] !== lengths[1])
    throw new PodexecError("INVALID_PARAMS", `${where}: the ranges of ${written} are not of one length`);
  const prefix = address === undefined ? "" : `${address}:`;
  const outer = host === undefined && address === undefined ? "" : `${host ?? ""}:`;
  return `${prefix}${outer}${container}${protocol === undefined ? "" : `/${protocol.toLowerCase()}`}`;
}

function fromLong(entry: Exclude<PortEntry, string>): string {
  const { host_ip: address, published, target, protocol } = entry;
  const host = address?.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
  const outer = host === undefined && published === undefined ? "" : `${published ?? ""}:`;
  return `${host === undefined ? "" : `${host}:`}${outer}${target}${protocol === undefined ? "" : `/${protocol}`}`;
}

function lengthOf(range: string, where: string): number {
  const [first = 0, last = first] = range.split("-").map(Number);
  if (first < 1 || last > 65_535 || last < first)
    throw new PodexecError("INVALID_PARAMS", `${where}: ${range} is not within 1 to 65535`);
  return last - first + 1;
}
