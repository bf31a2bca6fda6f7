import { z } from "zod";
import { imageName } from "../../podman/manage/names.ts";
import { shortId } from "../../podman/manage/text.ts";
import { ADDS, imageField, managerOf, telling } from "../podman-fields.ts";
import { defineTool, type ToolContext } from "../tool.ts";

const TRANSFER_MS = 3_600_000;

export const podmanPull = defineTool({
  name: "podman_pull",
  toolset: "podman",
  title: "Pull an image",
  description: "Get an image from its registry; what is going on is told as progress.",
  input: z.strictObject({ image: imageField }),
  output: z.object({ image: z.string(), id: z.string() }),
  annotations: { ...ADDS, idempotentHint: true },
  async run({ image }, context) {
    const stdout = await transfer(["pull", "--", imageName(image)], context);
    const id = stdout.trim().split("\n").at(-1) ?? "";
    return { structured: { image, id }, text: `${image} is here: ${shortId(id)}` };
  },
});

export const podmanPush = defineTool({
  name: "podman_push",
  toolset: "podman",
  title: "Push an image",
  description: "Send an image of the host to a registry, under its own name or another; the host's logins are used.",
  input: z.strictObject({
    image: imageField,
    destination: z.string().max(400).optional().describe("Default: the image's own name."),
  }),
  output: z.object({ image: z.string(), destination: z.string() }),
  annotations: { ...ADDS, destructiveHint: true, idempotentHint: true },
  async run({ image, destination = image }, context) {
    // Without a transport Podman would take a destination such as dir:/etc for one.
    const to = `docker://${imageName(destination)}`;
    await transfer(["push", "--", imageName(image), to], context);
    return { structured: { image, destination }, text: `${image} is pushed to ${destination}.` };
  },
});

/** Runs what takes long, and tells each line of it. */
function transfer(args: readonly string[], context: ToolContext): Promise<string> {
  const manager = managerOf(context);
  const options = { signal: context.signal, timeoutMs: TRANSFER_MS };
  return telling(context, (onLine) => manager.must(args, { ...options, onLine }));
}
