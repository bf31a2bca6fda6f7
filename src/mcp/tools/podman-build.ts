import { z } from "zod";
import { build } from "../../podman/manage/build.ts";
import { bounded, shortId } from "../../podman/manage/text.ts";
import { textWithoutNul } from "../fields.ts";
import { ADDS, managerOf, telling } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const MAX_LOG = 16_384;
const MAX_RECIPE = 262_144;

const input = z.strictObject({
  containerfile: textWithoutNul("containerfile").min(1).max(MAX_RECIPE).optional().describe("The recipe itself."),
  context: z
    .string()
    .max(4_095)
    .optional()
    .describe("Folder of the host, where the operator allows it; default: no files."),
  file: z
    .string()
    .max(4_095)
    .optional()
    .describe("The recipe's path in `context`; default: Containerfile or Dockerfile."),
  tags: z.array(z.string().max(400)).max(20).default([]).describe("Names for the image."),
  build_args: z.record(z.string().max(200), z.string().max(131_072)).default({}),
  labels: z.record(z.string().max(300), z.string().max(131_072)).default({}),
  target: z.string().max(101).optional().describe("The stage to build."),
  no_cache: z.boolean().default(false),
  pull: z.boolean().default(false).describe("Get the images it starts from anew."),
  timeout_ms: z.int().min(1000).max(86_400_000).default(1_800_000),
});

export const podmanBuild = defineTool({
  name: "podman_build",
  toolset: "podman",
  title: "Build an image",
  description: "Build an image on the host from a Containerfile; the steps are told as progress.",
  input,
  output: z.object({
    id: z.string(),
    tags: z.array(z.string()),
    log: z.string().describe("The beginning and the end of what the build said."),
  }),
  annotations: ADDS,
  async run(args, context) {
    const { containerfile, file, target, tags } = args;
    const manager = managerOf(context);
    const wish = {
      ...(args.context === undefined ? {} : { context: args.context }),
      ...(file === undefined ? {} : { file }),
      ...(containerfile === undefined ? {} : { containerfile }),
      ...(target === undefined ? {} : { target }),
      tags,
      buildArgs: args.build_args,
      labels: args.labels,
      noCache: args.no_cache,
      pull: args.pull,
    };
    const control = { signal: context.signal, timeoutMs: args.timeout_ms };
    const { id, log } = await telling(context, (onLine) => build(manager, wish, { ...control, onLine }));
    const shown = bounded(log, MAX_LOG).text;
    return { structured: { id, tags, log: shown }, text: `Built ${[shortId(id), ...tags].join(", ")}\n${shown}` };
  },
});
