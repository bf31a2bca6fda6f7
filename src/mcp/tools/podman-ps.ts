import { z } from "zod";
import { filter } from "../../podman/manage/names.ts";
import { isVisible } from "../../podman/manage/policy.ts";
import { containerRow, type ContainerRow } from "../../podman/manage/schemas.ts";
import { shortId, table } from "../../podman/manage/text.ts";
import { filterField, managerOf, READS } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  all: z.boolean().default(false).describe("Also those that do not run."),
  filters: z
    .strictObject({
      status: filterField.describe("created, running, paused, exited, ..."),
      name: filterField.describe("A part of the name."),
      label: filterField.describe("KEY or KEY=VALUE."),
    })
    .optional(),
  limit: z.int().min(1).max(100).default(50),
});

const output = z.object({
  containers: z.array(containerRow).describe("As `podman ps --format json` has them."),
  total: z.int().describe("Containers that fit; more than those shown where `limit` cut them."),
});

const rows = z
  .array(containerRow)
  .nullish()
  .transform((list) => list ?? []);

export const podmanPs = defineTool({
  name: "podman_ps",
  toolset: "podman",
  title: "List containers",
  description:
    "List the host's containers with state, image, ports and names: those that run, or all with `all: true`. Sandboxes are " +
    "not among them.",
  input,
  output,
  annotations: READS,
  async run({ all, filters, limit }, context) {
    const manager = managerOf(context);
    const wanted = Object.entries(filters ?? {}).flatMap(([key, value]) =>
      [value ?? []].flat().flatMap((one) => filter(key, one)),
    );
    const args = ["ps", "--format", "json", ...(all ? ["--all"] : []), ...wanted];
    const found = await manager.json(args, rows, { signal: context.signal });
    const visible = found.filter(({ Labels }) => isVisible(manager.policy, Labels));
    const containers = visible.slice(0, limit);
    return { structured: { containers, total: visible.length }, text: toText(containers, visible.length) };
  },
});

function toText(containers: readonly ContainerRow[], total: number): string {
  const titles = ["ID", "NAME", "IMAGE", "STATE", "STATUS", "PORTS", "COMMAND"];
  const shown = table(
    titles,
    containers.map((row) => [
      shortId(row.Id),
      row.Names?.join(","),
      row.Image,
      row.State,
      row.Status,
      portsText(row),
      [row.Command ?? []].flat().join(" "),
    ]),
    "No containers.",
  );
  return total > containers.length ? `${shown}\n(${total - containers.length} more)` : shown;
}

function portsText({ Ports }: ContainerRow): string {
  return (Ports ?? [])
    .map(({ host_ip, host_port, container_port, range, protocol }) => {
      const last = (port: number | null | undefined) => (range && range > 1 ? `-${(port ?? 0) + range - 1}` : "");
      const host = `${host_ip || "0.0.0.0"}:${host_port}${last(host_port)}`;
      return `${host}->${container_port}${last(container_port)}/${protocol ?? "tcp"}`;
    })
    .join(", ");
}
