/** Folders of this host that a sandbox may have its hands in, and may replace by a link at any moment. */
import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { PodexecError } from "../../errors.ts";
import type { FolderIdentity } from "../engine.ts";
import type { Sandbox } from "../sandbox.ts";

const FOLDER = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);

/** A folder as it really is: where it lies, and which one it is. @returns undefined where it is none */
export function realFolder(path: string): { path: string; identity: FolderIdentity } | undefined {
  try {
    const real = realpathSync(path);
    if (process.platform !== "linux") {
      const stats = statSync(real, { bigint: true });
      return stats.isDirectory() ? { path: real, identity: { device: stats.dev, inode: stats.ino } } : undefined;
    }
    // Both are asked of one descriptor: a path may lead elsewhere the next time.
    const fd = openSync(real, FOLDER);
    try {
      const { dev: device, ino: inode } = fstatSync(fd, { bigint: true });
      return { path: readlinkSync(`/proc/self/fd/${fd}`), identity: { device, inode } };
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/**
 * Removes a new sandbox, in which nothing has run yet, if not that folder was mounted: between the check of a path and
 * its mount another sandbox that can write above it may put a link in its place.
 *
 * @throws PodexecError REFUSED
 */
export async function requireMounted(sandbox: Sandbox, { device, inode }: FolderIdentity): Promise<void> {
  try {
    const mounted = await sandbox.files.stat("/workspace");
    if (mounted.device === device && mounted.inode === inode) return;
  } catch (error) {
    await sandbox.remove();
    throw error;
  }
  await sandbox.remove();
  throw new PodexecError("REFUSED", "workspace: the folder was replaced by another one while it was mounted", {
    hint: "Something moves folders there; ask again when it does not.",
  });
}
