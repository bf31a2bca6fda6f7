import { buildImage as build } from "../image/build.ts";
import { DEFAULT_SUITE, DEFAULT_TAG, planBuild } from "../image/options.ts";
import { createProgress } from "../image/progress.ts";
import { imageExists, imageMissing } from "../podman/images.ts";
import { defineVerb, jsonFlag, type VerbContext } from "./command.ts";
import { hostArgs, loadHostConfig, openHost, type Host } from "./host.ts";

/** `podexec build-image`: answers with the image's name and id. */
export const buildImage = defineVerb({
  args: {
    ...hostArgs(),
    tag: { type: "string", value: "NAME", default: DEFAULT_TAG, summary: "The name that the image gets" },
    package: { type: "strings", value: "NAME", summary: "A Debian package to install beside the list" },
    suite: { type: "string", value: "NAME", summary: `The release of Debian (default ${DEFAULT_SUITE})` },
    from: { type: "string", value: "IMAGE", summary: "The base image; Debian or made from it (default Debian's own)" },
    file: { type: "string", value: "FILE", summary: "Build this Containerfile instead; its folder is the context" },
    cache: { type: "boolean", default: true, summary: "Run every step of --file anew" },
    bootstrap: { type: "boolean", default: false, summary: "Make it from Debian packages, without an image registry" },
    json: jsonFlag,
  },
  details:
    "Where no image registry answers, the image is made from packages of this host's Debian mirror, with mmdebstrap or " +
    "debootstrap. The name stays with the old image until the new one is complete.",
  examples: [
    "podexec build-image",
    "podexec build-image --package build-essential --package nodejs",
    "podexec build-image --bootstrap --suite bookworm --tag localhost/tools:bookworm",
  ],
  async run(context) {
    const { args, io, signal } = context;
    const { tag, suite, from, file, bootstrap } = args;
    const plan = planBuild({
      tag,
      suite,
      from,
      file,
      bootstrap,
      packages: args.package,
      noCache: !args.cache,
    });
    const host = buildHost(await openHost(loadHostConfig(context)));
    const image = await build({ ...plan, ...host, signal }, { progress: createProgress(io.stderr) });
    await io.stdout.write(args.json ? `${JSON.stringify(image)}\n` : `${image.tag} ${image.id}\n`);
  },
});

/** Podman as `build` wants it: a build's containers need the same flags as any other. */
function buildHost({ podman, adaptation: { globalArgs, runArgs } }: Host) {
  return { podman: podman.withGlobalArgs(globalArgs), runArgs, buildArgs: runArgs };
}

/**
 * Makes sure that an image is there, building it where that was asked for.
 *
 * @throws PodexecError IMAGE_MISSING with the command that builds it, or as the build
 */
export async function requireImage(
  host: Host,
  config: { image: string; build: boolean },
  { io, log, signal }: Pick<VerbContext, "io" | "log" | "signal">,
): Promise<void> {
  if (await imageExists(host.podman, config.image)) return;
  if (!config.build) throw imageMissing(config.image);
  log.info(`building ${config.image}`);
  const plan = planBuild({ tag: config.image });
  await build({ ...plan, ...buildHost(host), signal }, { progress: createProgress(io.stderr) });
}
