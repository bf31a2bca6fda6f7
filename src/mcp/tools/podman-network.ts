import { z } from "zod";
import { fits, needObject, objectLabels, removeObjects } from "../../podman/manage/objects.ts";
import { objectName } from "../../podman/manage/names.ts";
import { isVisible } from "../../podman/manage/policy.ts";
import { networkRow, rowsOf } from "../../podman/manage/schemas-objects.ts";
import { shortId, table } from "../../podman/manage/text.ts";
import { ADDS, batchAnswer, batchOutput, DESTROYS, managerOf, READS } from "../podman-fields.ts";
import { forceField, labelsField, limitField, nameField, namesField, objectFilters } from "../podman-object-fields.ts";
import { defineTool } from "../tool.ts";

export const podmanNetworkList = defineTool({
  name: "podman_network_list",
  toolset: "podman",
  title: "List networks",
  description: "List the host's Podman networks with driver, subnets and labels.",
  input: z.strictObject({ filters: objectFilters, limit: limitField }),
  output: z.object({ networks: z.array(networkRow), total: z.int() }),
  annotations: READS,
  async run({ filters, limit }, context) {
    const manager = managerOf(context);
    const args = ["network", "ls", "--format", "json"];
    const found = await manager.json(args, rowsOf(networkRow), { signal: context.signal });
    const visible = found.filter(
      ({ name, labels }) => isVisible(manager.policy, labels) && fits({ name, labels }, filters),
    );
    const networks = visible.slice(0, limit);
    const rows = networks.map(({ id, name, driver, internal, subnets }) => {
      const ranges = (subnets ?? []).map(({ subnet }) => subnet).join(", ");
      return [shortId(id ?? ""), name, driver, internal ? "internal" : "", ranges];
    });
    const text = table(["ID", "NAME", "DRIVER", "", "SUBNETS"], rows, "No networks.");
    return { structured: { networks, total: visible.length }, text };
  },
});

export const podmanNetworkInspect = defineTool({
  name: "podman_network_inspect",
  toolset: "podman",
  title: "Inspect a network",
  description: "Show all that Podman knows of a network: subnets, gateways, DNS, options and labels.",
  input: z.strictObject({ name: nameField("network") }),
  output: z.object({ network: networkRow }),
  annotations: READS,
  async run({ name }, context) {
    const found = await needObject(managerOf(context), "network", { name, signal: context.signal });
    const network = networkRow.parse(found);
    return { structured: { network }, text: JSON.stringify(network, undefined, 1) };
  },
});

const address = z.string().regex(/^[0-9a-fA-F:.]{2,45}$/, "must be an address");
const range = z.string().regex(/^[0-9a-fA-F:.]{2,45}\/\d{1,3}$/, "must be a range such as 10.90.0.0/24");

export const podmanNetworkCreate = defineTool({
  name: "podman_network_create",
  toolset: "podman",
  title: "Create a network",
  description: "Create a bridge network, whose containers reach each other by name.",
  input: z.strictObject({
    name: nameField("network"),
    internal: z.boolean().default(false).describe("Without a way out of the host."),
    dns: z.boolean().default(true).describe("Containers are found by their names."),
    ipv6: z.boolean().default(false),
    subnet: range.optional(),
    gateway: address.optional(),
    ip_range: range.optional().describe("Addresses for containers, within the subnet."),
    labels: labelsField,
  }),
  output: z.object({ name: z.string() }),
  annotations: ADDS,
  async run(args, context) {
    const manager = managerOf(context);
    const { subnet, gateway, ip_range: ipRange } = args;
    const name = objectName("network", args.name);
    const values = Object.entries({ "--subnet": subnet, "--gateway": gateway, "--ip-range": ipRange });
    const flags = [
      ...(args.internal ? ["--internal"] : []),
      ...(args.dns ? [] : ["--disable-dns"]),
      ...(args.ipv6 ? ["--ipv6"] : []),
      ...values.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value])),
    ];
    const labels = [...manager.labelArgs, ...objectLabels(args.labels)];
    await manager.must(["network", "create", ...labels, ...flags, "--", name], { signal: context.signal });
    return { structured: { name }, text: `The network ${name} is there.` };
  },
});

export const podmanNetworkRemove = defineTool({
  name: "podman_network_remove",
  toolset: "podman",
  title: "Remove networks",
  description:
    "Remove networks that no container uses; with `force` also those containers. Each has a result of its own.",
  input: z.strictObject({
    names: namesField("networks"),
    force: forceField("Remove the containers that use it, too."),
  }),
  output: batchOutput,
  annotations: DESTROYS,
  async run({ names, force }, context) {
    const flags = force ? ["--force"] : [];
    const manager = managerOf(context);
    const results = await removeObjects(manager, { kind: "network", names, flags }, context.signal);
    return batchAnswer(results, "removed");
  },
});
