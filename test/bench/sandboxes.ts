/** Sandboxes as podexec's data folder shows them; asking Podman would disturb what is measured. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./place.ts";

/** Names of the sandboxes of a server. */
export function sandboxesOf(place: Place, serverPid: number): string[] {
  const folder = join(place.dataFolder, "sandboxes");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => ownerPid(join(folder, name)) === serverPid);
}

/** Those of them that are started and that nobody has. */
export function waitingOf(place: Place, serverPid: number, taken: ReadonlySet<string>): string[] {
  const isStarted = (name: string) => existsSync(join(place.dataFolder, "sandboxes", name, "s"));
  return sandboxesOf(place, serverPid).filter((name) => isStarted(name) && !taken.has(name));
}

function ownerPid(folder: string): number {
  try {
    const { pid } = JSON.parse(readFileSync(join(folder, "owner"), "utf8")) as { pid: string };
    return Number.parseInt(pid, 10);
  } catch {
    // Just being made, or just removed.
    return -1;
  }
}
