/** The private folder of one build, and what builds that were killed left behind. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { Podman } from "../podman/client.ts";
import { isAlive, thisOwner } from "../podman/labels.ts";

const PREFIX = "podexec-image-";
const OWNER_FILE = "owner.json";
const ownerSchema = z.object({ id: z.string(), pid: z.string(), boot: z.string(), host: z.string() });

/** Makes it where there is room: a Debian system and its archive take a gigabyte. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(parentFolder(), PREFIX));
  // Subordinate users have to get through; the folder's name stays a secret to others.
  await chmod(folder, 0o711);
  await writeFile(join(folder, OWNER_FILE), JSON.stringify(thisOwner(basename(folder))));
  return folder;
}

/** The name that a folder's image has until it is complete. */
export function temporaryTagOf(folder: string): string {
  return `localhost/podexec-build:${basename(folder).slice(PREFIX.length)}`;
}

/** Removes it with everything in it. */
export async function removeFolder(podman: Podman, folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch {
    // Files of subordinate users; only their user namespace can remove them.
    await podman.run(["unshare", "rm", "-rf", "--", folder]);
  }
}

/** This user's folders whose build is gone: killed, or ended by a power cut. */
export function abandonedFolders(): string[] {
  const parent = parentFolder();
  const folders = readdirSync(parent).filter((name) => name.startsWith(PREFIX));
  return folders.map((name) => join(parent, name)).filter(isAbandoned);
}

function isAbandoned(folder: string): boolean {
  try {
    const isOwn = statSync(folder).uid === (process.getuid?.() ?? 0);
    return isOwn && !isAlive(ownerSchema.parse(JSON.parse(readFileSync(join(folder, OWNER_FILE), "utf8"))));
  } catch {
    // Just made or just removed.
    return false;
  }
}

function parentFolder(): string {
  // /tmp is often a small file system in memory.
  const own = tmpdir() === "/tmp" ? [] : [tmpdir()];
  return [...own, "/var/tmp"].find((path) => existsSync(path) && isOpenToMappedUsers(path)) ?? tmpdir();
}

/** A plain user's mmdebstrap works as subordinate users, to whom the user's private folders are closed. */
function isOpenToMappedUsers(path: string): boolean {
  if (process.getuid === undefined || process.getuid() === 0) return true;
  const isOpen = (statSync(path).mode & 0o001) !== 0;
  return isOpen && (dirname(path) === path || isOpenToMappedUsers(dirname(path)));
}
