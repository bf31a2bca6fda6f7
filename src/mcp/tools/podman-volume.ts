import { z } from "zod";
import { fits, needObject, objectLabels, removeObjects } from "../../podman/manage/objects.ts";
import { objectName } from "../../podman/manage/names.ts";
import { isVisible } from "../../podman/manage/policy.ts";
import { rowsOf, volumeRow } from "../../podman/manage/schemas-objects.ts";
import { table } from "../../podman/manage/text.ts";
import { ADDS, batchAnswer, batchOutput, DESTROYS, managerOf, READS } from "../podman-fields.ts";
import { forceField, labelsField, limitField, nameField, namesField, objectFilters } from "../podman-object-fields.ts";
import { defineTool } from "../tool.ts";

export const podmanVolumeList = defineTool({
  name: "podman_volume_list",
  toolset: "podman",
  title: "List volumes",
  description: "List the host's Podman volumes with driver, place and labels.",
  input: z.strictObject({
    filters: objectFilters,
    unused: z.boolean().default(false).describe("Only those that no container uses."),
    limit: limitField,
  }),
  output: z.object({ volumes: z.array(volumeRow), total: z.int() }),
  annotations: READS,
  async run({ filters, unused, limit }, context) {
    const manager = managerOf(context);
    const args = ["volume", "ls", ...(unused ? ["--filter", "dangling=true"] : []), "--format", "json"];
    const found = await manager.json(args, rowsOf(volumeRow), { signal: context.signal });
    const visible = found.filter(
      ({ Name: name, Labels: labels }) => isVisible(manager.policy, labels) && fits({ name, labels }, filters),
    );
    const volumes = visible.slice(0, limit);
    const rows = volumes.map((volume) => [volume.Name, volume.Driver, volume.Mountpoint]);
    const text = table(["NAME", "DRIVER", "MOUNTPOINT"], rows, "No volumes.");
    return { structured: { volumes, total: visible.length }, text };
  },
});

export const podmanVolumeInspect = defineTool({
  name: "podman_volume_inspect",
  toolset: "podman",
  title: "Inspect a volume",
  description: "Show all that Podman knows of a volume: driver, place on the host, options and labels.",
  input: z.strictObject({ name: nameField("volume") }),
  output: z.object({ volume: volumeRow }),
  annotations: READS,
  async run({ name }, context) {
    const found = await needObject(managerOf(context), "volume", { name, signal: context.signal });
    const volume = volumeRow.parse(found);
    return { structured: { volume }, text: JSON.stringify(volume, undefined, 1) };
  },
});

export const podmanVolumeCreate = defineTool({
  name: "podman_volume_create",
  toolset: "podman",
  title: "Create a volume",
  description:
    "Create a volume on the host's disk, or in memory with `memory`. A folder of the host is never a volume.",
  input: z.strictObject({
    name: nameField("volume").optional(),
    memory: z.boolean().default(false).describe("In memory: lost when nothing uses it."),
    labels: labelsField,
  }),
  output: z.object({ name: z.string() }),
  annotations: ADDS,
  async run(args, context) {
    const manager = managerOf(context);
    const given = args.name === undefined ? [] : ["--", objectName("volume", args.name)];
    const memory = args.memory ? ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=nosuid,nodev"] : [];
    const labels = [...manager.labelArgs, ...objectLabels(args.labels)];
    const said = await manager.must(["volume", "create", ...labels, ...memory, ...given], { signal: context.signal });
    const name = said.trim();
    return { structured: { name }, text: `The volume ${name} is there.` };
  },
});

export const podmanVolumeRemove = defineTool({
  name: "podman_volume_remove",
  toolset: "podman",
  title: "Remove volumes",
  description:
    "Remove volumes with all that is in them; with `force` also the containers that use them. Each has a result of its own.",
  input: z.strictObject({ names: namesField("volumes"), force: forceField("Remove the containers that use it, too.") }),
  output: batchOutput,
  annotations: DESTROYS,
  async run({ names, force }, context) {
    const flags = force ? ["--force"] : [];
    const manager = managerOf(context);
    const results = await removeObjects(manager, { kind: "volume", names, flags }, context.signal);
    return batchAnswer(results, "removed");
  },
});
