import { z } from "zod";
import { fits, needObject, objectLabels, removeObjects } from "../../podman/manage/objects.ts";
import { objectName } from "../../podman/manage/names.ts";
import { isVisible } from "../../podman/manage/policy.ts";
import { portMapping } from "../../podman/manage/ports.ts";
import { networkArgs } from "../../podman/manage/run.ts";
import { podReport, podRow, rowsOf } from "../../podman/manage/schemas-objects.ts";
import { shortId, table } from "../../podman/manage/text.ts";
import { ADDS, batchAnswer, batchOutput, DESTROYS, managerOf, READS } from "../podman-fields.ts";
import { forceField, labelsField, limitField, nameField, namesField, objectFilters } from "../podman-object-fields.ts";
import { defineTool } from "../tool.ts";

export const podmanPodList = defineTool({
  name: "podman_pod_list",
  toolset: "podman",
  title: "List pods",
  description: "List the host's pods with status and containers.",
  input: z.strictObject({ filters: objectFilters, limit: limitField }),
  output: z.object({ pods: z.array(podRow), total: z.int() }),
  annotations: READS,
  async run({ filters, limit }, context) {
    const manager = managerOf(context);
    const args = ["pod", "ps", "--no-trunc", "--format", "json"];
    const found = await manager.json(args, rowsOf(podRow), { signal: context.signal });
    const visible = found.filter(
      ({ Name: name, Labels: labels }) => isVisible(manager.policy, labels) && fits({ name, labels }, filters),
    );
    const pods = visible.slice(0, limit);
    const rows = pods.map((pod) => {
      const names = (pod.Containers ?? []).map(({ Names }) => Names).join(", ");
      return [shortId(pod.Id), pod.Name, pod.Status, names];
    });
    const text = table(["ID", "NAME", "STATUS", "CONTAINERS"], rows, "No pods.");
    return { structured: { pods, total: visible.length }, text };
  },
});

export const podmanPodInspect = defineTool({
  name: "podman_pod_inspect",
  toolset: "podman",
  title: "Inspect a pod",
  description: "Show all that Podman knows of a pod: state, containers, ports and labels.",
  input: z.strictObject({ name: nameField("pod") }),
  output: z.object({ pod: podReport }),
  annotations: READS,
  async run({ name }, context) {
    const found = await needObject(managerOf(context), "pod", { name, signal: context.signal });
    const pod = podReport.parse(found);
    return { structured: { pod }, text: JSON.stringify(pod, undefined, 1) };
  },
});

export const podmanPodCreate = defineTool({
  name: "podman_pod_create",
  toolset: "podman",
  title: "Create a pod",
  description:
    "Create a pod, whose containers share network and ports. It is started with its containers, or by podman_kube_play.",
  input: z.strictObject({
    name: nameField("pod"),
    ports: z.array(z.string().max(100)).max(200).optional().describe("HOST:CONTAINER, for all of its containers."),
    network: z.string().max(300).optional().describe("A network's name, none, bridge; host where allowed."),
    hostname: z
      .string()
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}$/, "must be a host's name")
      .optional(),
    infra: z.boolean().default(true).describe("false: containers are only grouped; nothing is shared."),
    labels: labelsField,
  }),
  output: z.object({ id: z.string(), name: z.string() }),
  annotations: ADDS,
  async run(args, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const name = objectName("pod", args.name);
    const flags = [
      ...(args.ports ?? []).flatMap((port) => ["--publish", portMapping(port)]),
      ...(await networkArgs(manager, args.network, signal)),
      ...(args.hostname === undefined ? [] : ["--hostname", args.hostname]),
      ...(args.infra ? [] : ["--infra=false", "--share="]),
    ];
    const labels = [...manager.labelArgs, ...objectLabels(args.labels)];
    const said = await manager.must(["pod", "create", ...labels, ...flags, "--", name], { signal });
    const id = said.trim().split("\n").at(-1) ?? "";
    return { structured: { id, name }, text: `The pod ${name} is there (${shortId(id)}).` };
  },
});

export const podmanPodRemove = defineTool({
  name: "podman_pod_remove",
  toolset: "podman",
  title: "Remove pods",
  description:
    "Remove pods that are stopped; with `force` also those that run, with their containers. Each has a result.",
  input: z.strictObject({ names: namesField("pods"), force: forceField("Stop and remove the containers, too.") }),
  output: batchOutput,
  annotations: DESTROYS,
  async run({ names, force }, context) {
    const flags = force ? ["--force"] : [];
    const manager = managerOf(context);
    const results = await removeObjects(manager, { kind: "pod", names, flags }, context.signal);
    return batchAnswer(results, "removed");
  },
});
