/** What the steps of one call share. */
import { homedir } from "node:os";
import { resolve } from "node:path";
import type { PodmanManager } from "../manage/manager.ts";
import { HostFiles } from "./files.ts";
import type { ComposeRequest } from "./read.ts";
import type { Undo } from "./undo.ts";

export interface UpRequest extends ComposeRequest {
  services?: readonly string[] | undefined;
  profiles?: readonly string[] | undefined;
  /** Builds what has a `build`, even where its image is there. */
  build?: boolean | undefined;
}

export interface UpControl {
  signal: AbortSignal;
  /** Hears of each step, and of lines of builds and pulls. */
  tell(message: string): void;
}

export interface UpWork extends UpControl {
  request: UpRequest;
  files: HostFiles;
  undo: Undo;
}

/**
 * The files of the host that a request may read: below the folder it starts from, and those that may be mounted. A home
 * folder is none to start from: a server that happens to run there would give away all that its user has.
 */
export function hostFiles(manager: PodmanManager, { base }: Pick<ComposeRequest, "base">): HostFiles {
  const from = resolve(base) === resolve(homedir()) ? [] : [base];
  return new HostFiles([...from, ...manager.policy.mounts]);
}
