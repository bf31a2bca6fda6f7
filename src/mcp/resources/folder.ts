/** Folders of a sandbox, as resources need them. */
import { listFiles, type Listing } from "../../sandbox/files/list.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";

/** Entries of one folder that are told. */
const MAX_ENTRIES = 200;

/** What a folder holds, at most MAX_ENTRIES of it, in the order of names. @throws PodexecError as `listFiles` */
export function folderOf(
  sandbox: Sandbox,
  path: string,
  { hidden = true, signal }: FolderOptions = {},
): Promise<Listing> {
  const options = { limit: MAX_ENTRIES, hidden, ignore: false, ...(signal ? { signal } : {}) };
  return listFiles(sandbox.files, path, options);
}

export interface FolderOptions {
  /** Names that begin with a dot too. Default true. */
  hidden?: boolean;
  signal?: AbortSignal;
}

/** The names in a folder, `/` behind those of folders. */
export function namesIn({ entries }: Listing): string[] {
  return entries.map(({ path, kind }) => (kind === "folder" ? `${path}/` : path));
}
