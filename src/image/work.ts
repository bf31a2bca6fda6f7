/** What the steps of one build share. */
import type { Podman } from "../podman/client.ts";
import { childEnvironment } from "../runtime.ts";
import type { Progress } from "./progress.ts";
import type { Recipe } from "./recipe.ts";

export interface Work {
  /** With the global flags that this host needs. */
  podman: Podman;
  /** What this host's `podman run` needs, such as `--ulimit nofile=...`. */
  runArgs: readonly string[];
  /** The same for `podman build`. */
  buildArgs: readonly string[];
  /** A private folder, removed at the end of the build; temporary files of the programs are in it too. */
  folder: string;
  recipe: Recipe;
  /** The name that the image has until it is complete. */
  temporaryTag: string;
  progress: Progress;
  signal: AbortSignal;
}

/** The environment for programs whose temporary files have to go away with the build. */
export function workEnvironment(work: Work): Record<string, string> {
  return { ...childEnvironment(), TMPDIR: work.folder };
}
