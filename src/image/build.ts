/** `podexec build-image`: from a plan to a named image, or to nothing at all. */
import { join } from "node:path";
import { PodexecError } from "../errors.ts";
import type { Podman } from "../podman/client.ts";
import { bootstrap, bootstrapTools, noToolError } from "./bootstrap.ts";
import { buildFile, buildRecipe, getBase, registryError } from "./containerfile.ts";
import { abandonedFolders, makeFolder, removeFolder, temporaryTagOf } from "./folder.ts";
import type { BuildPlan, Source } from "./options.ts";
import type { Progress } from "./progress.ts";
import { discard, publish } from "./publish.ts";
import { writeRecipe } from "./recipe.ts";
import type { Work } from "./work.ts";

export interface BuildOptions extends BuildPlan {
  /** With the global flags that this host needs. */
  podman: Podman;
  /** What this host's `podman run` needs, such as `--ulimit nofile=...`. */
  runArgs: readonly string[];
  /** The same for `podman build`. */
  buildArgs: readonly string[];
  signal: AbortSignal;
}

export interface BuiltImage {
  tag: string;
  /** `sha256:` and 64 hexadecimal digits. */
  id: string;
  /** What it was made from: a base image, Debian's packages, or the user's Containerfile. */
  from: string;
  sizeBytes: number;
  seconds: number;
}

/**
 * Builds the tool image. Its name points to the old image until the new one is complete; a failed or interrupted build
 * leaves no image, container or file.
 *
 * @param options what to build, and the Podman that builds it
 * @param io where progress is told
 * @throws PodexecError PODMAN_MISSING, BUILD_FAILED with the cause, or the signal's reason
 */
export async function buildImage(options: BuildOptions, io: { progress: Progress }): Promise<BuiltImage> {
  const { podman, runArgs, buildArgs, source, tag, signal } = options;
  const begun = Date.now();
  await podman.must(["--version"], { signal });
  for (const abandoned of abandonedFolders()) await remove(podman, abandoned);
  const folder = await makeFolder();
  const temporaryTag = temporaryTagOf(folder);
  try {
    const recipe = await writeRecipe(join(folder, "recipe"), source.kind === "debian" ? source.packages : []);
    const work = { podman, runArgs, buildArgs, folder, recipe, temporaryTag, signal, progress: io.progress };
    const from = await make(work, source);
    signal.throwIfAborted();
    const published = await publish(work, tag);
    return { tag, ...published, from, seconds: Math.round((Date.now() - begun) / 1000) };
  } catch (error) {
    // The signal is the better reason for whatever failed while everything was being stopped.
    signal.throwIfAborted();
    throw error;
  } finally {
    io.progress.end();
    await remove(podman, folder);
  }
}

/** Removes a build's unfinished image and its folder. */
async function remove(podman: Podman, folder: string): Promise<void> {
  await discard(podman, temporaryTagOf(folder));
  await removeFolder(podman, folder);
}

/** Makes the image under its temporary tag and tells what from. */
async function make(work: Work, source: Source): Promise<string> {
  if (source.kind === "file") {
    await buildFile(work, source.file, source.noCache);
    return source.file;
  }
  const packages = `Debian ${source.suite} packages`;
  if (source.bootstrap) {
    await bootstrap(work, source.suite);
    return packages;
  }
  const wanted = source.from ?? `docker.io/library/debian:${source.suite}-slim`;
  const base = await getBase(work, wanted);
  if ("image" in base) {
    await buildRecipe(work, base.image);
    return base.image;
  }
  if (source.from !== undefined) throw registryError(wanted, base.silent);
  work.progress.note(`No image registry answers for ${wanted} (${base.silent}).`);
  if (bootstrapTools().length === 0) throw noWay(base.silent);
  work.progress.note("Making the image from Debian packages instead, as with --bootstrap.");
  await bootstrap(work, source.suite);
  return packages;
}

function noWay(said: string): PodexecError {
  const { message, hint } = noToolError();
  return new PodexecError("BUILD_FAILED", `no image registry answers (${said}), and ${message}`, hint ? { hint } : {});
}
