import { z } from "zod";
import { inspect, KINDS, type Inspected } from "../../podman/manage/inspect.ts";
import { bounded } from "../../podman/manage/text.ts";
import { managerOf, READS } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  container: z.string().max(400).describe("Name or id of a container, or of another thing."),
  type: z.enum(KINDS).optional().describe("Default: a container, else the first other thing of that name."),
});

const output = z.object({
  type: z.enum(KINDS),
  object: z.record(z.string(), z.unknown()).describe("As `podman inspect` has it."),
});

export const podmanInspect = defineTool({
  name: "podman_inspect",
  toolset: "podman",
  title: "Inspect a container",
  description:
    "Everything Podman knows about a container, an image, a volume, a network, a pod or a secret of the host.",
  input,
  output,
  annotations: READS,
  async run({ container, type }, context) {
    const manager = managerOf(context);
    const found = await inspect(manager, { name: container, ...(type ? { kind: type } : {}) }, context.signal);
    return {
      structured: { type: found.kind, object: found.object },
      text: bounded(toText(found), manager.outputBytes).text,
    };
  },
});

function toText({ kind, object }: Inspected): string {
  return `${kind}\n${JSON.stringify(object, undefined, 1)}`;
}
