/** The way through `podman build`: from a base image of a registry, or from a Containerfile of the user's. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { PodexecError } from "../errors.ts";
import { errorText, type Podman } from "../podman/client.ts";
import { imageExists } from "../podman/images.ts";
import { buildError, isRegistrySilent } from "./causes.ts";
import { qualifyBase } from "./options.ts";
import { follow } from "./process.ts";
import { endRunningStep } from "./step.ts";
import { workEnvironment, type Work } from "./work.ts";

/** A base image that is here, or why no registry gave it. */
export type Base = { image: string } | { silent: string };

/** How long podman may take to clean up after its running step was ended. */
const GRACE_MS = 60_000;

/**
 * Gets the base image: the registry's newest, or the local copy where the registry does not answer.
 *
 * @param name as the user wrote it; without a registry it is a local image or one of Docker's
 * @throws PodexecError IMAGE_MISSING, and BUILD_FAILED where the registry answers but does not have it
 */
export async function getBase(work: Work, name: string): Promise<Base> {
  const { podman, signal, progress } = work;
  for (const local of [name, `localhost/${name}`]) {
    if (local.startsWith("localhost/") && (await imageExists(podman, local))) return { image: local };
  }
  if (name.startsWith("localhost/")) throw new PodexecError("IMAGE_MISSING", `there is no local image ${name}`);
  const image = qualifyBase(name);
  progress.step(`Pulling ${image}`);
  const child = podman.start(["pull", image], { env: workEnvironment(work) });
  const { status, lines } = await follow(child, { signal, onLine: progress.line });
  if (status === 0) return { image };
  const said = errorText(lines.join("\n"));
  if (await imageExists(podman, image)) {
    progress.note(`The registry gave no newer ${image} (${said}): building on the one that is here.`);
    return { image };
  }
  if (isRegistrySilent(lines.join("\n"))) return { silent: said };
  throw new PodexecError("BUILD_FAILED", `${image} cannot be pulled: ${said}`, {
    hint: "Check its name, or log in to its registry with `podman login`.",
  });
}

/** Builds the shipped recipe on a base image. */
export async function buildRecipe(work: Work, base: string): Promise<void> {
  work.progress.step(`Installing ${work.recipe.packages.length} packages on ${base}`);
  // Without layers there is nothing to reuse: a rebuild is there to bring newer packages.
  const args = ["--layers=false", "--build-arg", `BASE=${base}`, "--file", `${work.recipe.folder}/Containerfile`];
  await runBuild(work, args, work.recipe.folder);
}

/** Builds a Containerfile of the user's; its folder is the context, and podman's cache of steps is used. */
export async function buildFile(work: Work, file: string, noCache: boolean): Promise<void> {
  work.progress.step(`Building ${file}`);
  const base = firstBase(readFileSync(file, "utf8"));
  const found = base === undefined ? undefined : await getBase(work, base);
  if (found && "silent" in found) throw registryError(base ?? "", found.silent);
  await runBuild(work, [noCache ? "--no-cache" : "--layers", "--file", file], dirname(file));
}

/** No registry answers, and there is no other way to what was asked for. */
export function registryError(image: string, said: string): PodexecError {
  return new PodexecError("BUILD_FAILED", `no image registry answers for ${image}: ${said}`, {
    hint: "Check the network and the proxy settings; without --from and --file the image is made from Debian packages.",
  });
}

/** The first image of a registry that a Containerfile starts from; undefined where arguments or `scratch` stand there. */
export function firstBase(containerfile: string): string | undefined {
  const name = /^\s*FROM\s+(?:--\S+\s+)*(\S+)/im.exec(containerfile)?.[1];
  return name === undefined || name === "scratch" || name.includes("$") || name.startsWith("-") ? undefined : name;
}

async function runBuild(work: Work, args: readonly string[], context: string): Promise<void> {
  const { signal, progress } = work;
  signal.throwIfAborted();
  const { podman } = work;
  const all = ["build", "--pull=missing", "--tag", work.temporaryTag, ...work.buildArgs, ...args, context];
  const made = new LayersMade();
  try {
    const { status, lines } = await follow(podman.start(all, { env: workEnvironment(work) }), {
      signal,
      stop: (child) => endRunningStep(child.pid),
      graceMs: GRACE_MS,
      onLine(line) {
        made.read(line);
        progress.line(line);
      },
    });
    if (status !== 0) throw buildError("podman build", lines);
  } catch (error) {
    await made.remove(work.podman);
    throw error;
  }
}

/** The intermediate images that a build made itself: podman names each, and says which it took from its cache. */
class LayersMade {
  private readonly made: string[] = [];
  private readonly cached: string[] = [];

  read(line: string): void {
    const cached = /^--> Using cache (?:sha256:)?([0-9a-f]{11,64})/.exec(line)?.[1];
    if (cached) this.cached.push(cached);
    const made = /^--> ([0-9a-f]{11,64})$/.exec(line.trim())?.[1];
    if (made) this.made.unshift(made);
  }

  async remove(podman: Podman): Promise<void> {
    const own = this.made.filter((id) => !this.cached.some((cached) => cached.startsWith(id)));
    for (const id of own) await podman.run(["rmi", id]);
  }
}
