/** A host's folder as the sandbox's /workspace, with owners as they should be. */
import { existsSync, statSync } from "node:fs";
import { arch } from "node:os";
import { PodexecError } from "../errors.ts";
import { spawn } from "../runtime.ts";
import type { SandboxFolders } from "./folder.ts";

/** What a sandbox gets mounted at /workspace, and what is to be done once it is. */
export interface MountedWorkspace {
  path: string;
  /** Why files made there will not belong to the folder's owner, if so. */
  warning?: string;
  release(): Promise<void>;
}

/**
 * Prepares a workspace for a sandbox. Commands run as root; under rootless Podman that is the user itself. Under root's
 * Podman a folder of somebody else is mounted once more with its owner shown as root (mount_setattr(2)), so that what
 * commands make belongs to that owner. The second mount is needed only until the sandbox has it.
 */
export async function mountWorkspace(folders: SandboxFolders, name: string, path: string): Promise<MountedWorkspace> {
  const plain = { path, release: async () => {} };
  const owner = statSync(path, { throwIfNoEntry: false });
  if (!owner) throw new PodexecError("INVALID_PARAMS", `workspace: ${path} is not there any more`);
  if (process.getuid?.() !== 0 || process.platform !== "linux" || (owner.uid === 0 && owner.gid === 0)) return plain;
  const target = folders.workspace(name);
  const failure = await idmap(folders, [path, target]);
  if (failure !== undefined) {
    return { ...plain, warning: `files made in ${path} will belong to root: ${failure}` };
  }
  return { path: target, release: () => releaseWorkspace(folders, name) };
}

/** Takes back what `mountWorkspace` did, also for a sandbox whose server is gone. */
export async function releaseWorkspace(folders: SandboxFolders, name: string): Promise<void> {
  const target = folders.workspace(name);
  if (!existsSync(target)) return;
  const failure = await idmap(folders, ["--undo", target]);
  if (failure !== undefined) throw new Error(failure);
}

/** Runs this host's agent as the tool that mounts. @returns what it said where it failed */
async function idmap(folders: SandboxFolders, args: readonly string[]): Promise<string | undefined> {
  const child = spawn([folders.agentFile(arch() === "arm64" ? "arm64" : "amd64"), "idmap", ...args]);
  const [said, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  return status === 0 ? undefined : said.trim() || `status ${status}`;
}
