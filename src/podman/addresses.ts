import { networkInterfaces } from "node:os";

/** The addresses of this host that are not loopback, without zones: a sandbox must not reach the host through them. */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return [...new Set(all.filter((entry) => !entry.internal).map((entry) => entry.address.split("%")[0] ?? ""))];
}

/** Those that are IPv4. */
export function ownIpv4Addresses(): string[] {
  return ownAddresses().filter((address) => !address.includes(":"));
}
