/** Sandboxes as podexec's data folder shows them; asking Podman would disturb what is measured. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./place.ts";

/** Names of the sandboxes of a server that are started and wait for a session, or of all of them. */
export function sandboxesOf(place: Place, serverPid: number, only: "waiting" | "all"): string[] {
  const folder = join(place.dataFolder, "sandboxes");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const own = names.filter((name) => ownerPid(join(folder, name)) === serverPid);
  if (only === "all") return own;
  return own.filter((name) => existsSync(join(folder, name, "s")) && !existsSync(join(folder, name, "session")));
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
