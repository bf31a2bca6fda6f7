import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import type { PodmanManager } from "../../podman/manage/manager.ts";
import { isVisible } from "../../podman/manage/policy.ts";
import { containerRow, statsRow } from "../../podman/manage/schemas.ts";
import { table } from "../../podman/manage/text.ts";
import { containerField, containersField, managerOf, READS } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const MAX_CONTAINERS = 100;

const statsRows = z
  .array(statsRow)
  .nullish()
  .transform((list) => list ?? []);

export const podmanStats = defineTool({
  name: "podman_stats",
  toolset: "podman",
  title: "Show what containers use",
  description:
    "CPU, memory, network and disk use of running containers of the host, of all (at most 100) or of those named.",
  input: z.strictObject({ containers: containersField.optional() }),
  output: z.object({ stats: z.array(statsRow).describe("As `podman stats --format json` has them.") }),
  annotations: READS,
  async run({ containers }, context) {
    const manager = managerOf(context);
    const ids = containers ? await idsOf(manager, containers, context.signal) : await running(manager, context.signal);
    const args = ["stats", "--no-stream", "--format", "json", ...ids];
    const stats = ids.length === 0 ? [] : await manager.json(args, statsRows, { signal: context.signal });
    const rows = stats.map((row) => [row.name, row.cpu_percent, row.mem_usage, row.net_io, row.block_io, row.pids]);
    const text = table(["NAME", "CPU", "MEMORY", "NET IO", "BLOCK IO", "PIDS"], rows, "No container runs.");
    return { structured: { stats }, text };
  },
});

async function idsOf(manager: PodmanManager, names: readonly string[], signal: AbortSignal): Promise<string[]> {
  return (await manager.targets(names, signal)).map((target) => {
    if (target instanceof PodexecError) throw target;
    if (!target.isRunning) throw new PodexecError("CONTAINER_STATE", `the container ${target.name} does not run`);
    return target.id;
  });
}

async function running(manager: PodmanManager, signal: AbortSignal): Promise<string[]> {
  const found = await manager.json(["ps", "--format", "json"], z.array(containerRow).nullish(), { signal });
  const visible = (found ?? []).filter(({ Labels }) => isVisible(manager.policy, Labels));
  return visible.slice(0, MAX_CONTAINERS).map(({ Id }) => Id);
}

const DESCRIPTORS = ["user", "pid", "ppid", "pgid", "pcpu", "etime", "tty", "time", "comm", "args"] as const;
const MORE = ["group", "nice", "rss", "vsz", "state", "capeff", "seccomp", "hpid", "huser", "label"] as const;
const known = [...DESCRIPTORS, ...MORE] as const;
const usual = ["user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"] as const;

export const podmanTop = defineTool({
  name: "podman_top",
  toolset: "podman",
  title: "List a container's processes",
  description: "List the processes of a running container of the host.",
  input: z.strictObject({
    container: containerField,
    columns: z
      .array(z.enum(known))
      .min(1)
      .max(known.length)
      .default([...usual])
      .describe("As podman-top(1) names them."),
  }),
  output: z.object({
    titles: z.array(z.string()),
    processes: z.array(z.array(z.string())).describe("The columns of each, at most 500 processes."),
  }),
  annotations: READS,
  async run({ container, columns }, context) {
    const manager = managerOf(context);
    const { id } = await manager.target(container, context.signal);
    const printed = await manager.must(["top", id, columns.join(",")], { signal: context.signal });
    const [head = "", ...rest] = printed.split("\n").filter((line) => line.trim() !== "");
    const titles = head.trim().split(/ {2,}/);
    const processes = rest.slice(0, 500).map((line) => cellsOf(line, titles, head));
    return { structured: { titles, processes }, text: table(titles, processes) };
  },
});

/** Podman sets each column below its title; only the last may have spaces of its own. */
function cellsOf(line: string, titles: readonly string[], head: string): string[] {
  let from = 0;
  const starts = titles.map((title) => {
    const at = head.indexOf(title, from);
    from = at + title.length;
    return at;
  });
  return starts.map((start, column) => line.slice(start, starts[column + 1]).trim());
}
