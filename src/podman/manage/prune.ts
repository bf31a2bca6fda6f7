/** What nothing uses any more: found first, and removed one by one, so that nothing else goes than what was told. */
import { z } from "zod";
import type { PodmanManager } from "./manager.ts";
import { failureOf } from "./failures.ts";
import { hasLabel } from "./objects.ts";
import { isVisible } from "./policy.ts";

export const PRUNABLE = ["containers", "pods", "images", "networks", "volumes"] as const;
export type Prunable = (typeof PRUNABLE)[number];

export interface Unused {
  kind: Prunable;
  id: string;
  name: string;
  /** Bytes, where Podman knows. */
  size?: number | undefined;
}

interface Wish {
  /** Images with a name that no container uses, too. */
  allImages: boolean;
  /** Only what has this label, `KEY` or `KEY=VALUE`. */
  label?: string | undefined;
  signal: AbortSignal;
}

const labels = z.record(z.string(), z.string()).nullish();
const many = <Row extends z.ZodType>(row: Row) =>
  z
    .array(row)
    .nullish()
    .transform((rows) => rows ?? []);
const containers = many(
  z.looseObject({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    State: z.string().default(""),
    Networks: z.array(z.string()).nullish(),
    Labels: labels,
  }),
);
const pods = many(z.looseObject({ Id: z.string(), Name: z.string(), Status: z.string().default(""), Labels: labels }));
const images = many(
  z.looseObject({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Size: z.number().optional(),
    Containers: z.number().default(0),
    Labels: labels,
  }),
);
const networks = many(z.looseObject({ id: z.string(), name: z.string(), labels }));
const volumes = many(z.looseObject({ Name: z.string(), Labels: labels }));

/** States of containers that `podman container prune` would remove. */
const ENDED: ReadonlySet<string> = new Set(["exited", "created", "configured", "stopped", "dead"]);
/** podexec's own image for sandboxes, which nothing uses while none runs. */
const TOOL_IMAGE_LABEL = "podexec.image";

/** What can go of one kind, and may be touched. */
export async function unused(manager: PodmanManager, kind: Prunable, wish: Wish): Promise<Unused[]> {
  const found = await FINDERS[kind](manager, wish);
  return found
    .filter(({ labels }) => isVisible(manager.policy, labels) && hasLabel(labels, wish.label))
    .map(({ id, name, size }) => ({ kind, id, name, ...(size === undefined ? {} : { size }) }));
}

/** Removes one. @returns why it could not be, in Podman's words */
export async function removeUnused(
  manager: PodmanManager,
  { kind, id, name }: Unused,
  signal: AbortSignal,
): Promise<string | undefined> {
  const byName = kind === "networks" || kind === "volumes";
  const args = [...REMOVERS[kind], "--", byName ? name : id];
  const result = await manager.run(args, { signal });
  return result.status === 0 ? undefined : failureOf(REMOVERS[kind].join(" "), result).message;
}

const REMOVERS: Readonly<Record<Prunable, readonly string[]>> = {
  containers: ["rm", "--volumes"],
  pods: ["pod", "rm"],
  images: ["image", "rm"],
  networks: ["network", "rm"],
  volumes: ["volume", "rm"],
};

type Finder = (
  manager: PodmanManager,
  wish: Wish,
) => Promise<(Omit<Unused, "kind"> & { labels: z.infer<typeof labels> })[]>;

const FINDERS: Readonly<Record<Prunable, Finder>> = {
  async containers(manager, wish) {
    const rows = await list(manager, ["ps", "--all", "--no-trunc"], { schema: containers, wish });
    return rows
      .filter(({ State: state }) => ENDED.has(state.toLowerCase()))
      .map((row) => ({ id: row.Id, name: row.Names?.[0] ?? row.Id, labels: row.Labels }));
  },
  async pods(manager, wish) {
    const rows = await list(manager, ["pod", "ps", "--no-trunc"], { schema: pods, wish });
    return rows
      .filter(({ Status: status }) => ENDED.has(status.toLowerCase()))
      .map((row) => ({ id: row.Id, name: row.Name, labels: row.Labels }));
  },
  async images(manager, wish) {
    const which = wish.allImages ? [] : ["--filter", "dangling=true"];
    const rows = await list(manager, ["images", "--no-trunc", ...which], { schema: images, wish });
    return rows
      .filter((row) => row.Containers === 0 && row.Labels?.[TOOL_IMAGE_LABEL] === undefined)
      .map((row) => ({ id: row.Id, name: row.Names?.[0] ?? "<none>", size: row.Size, labels: row.Labels }));
  },
  async networks(manager, wish) {
    const everything = await manager.json(["ps", "--all", "--format", "json"], containers, { signal: wish.signal });
    const used = new Set(everything.flatMap(({ Networks: names }) => names ?? []));
    const rows = await list(manager, ["network", "ls", "--no-trunc"], { schema: networks, wish });
    return rows
      .filter(({ name }) => name !== "podman" && !used.has(name))
      .map((row) => ({ id: row.id, name: row.name, labels: row.labels }));
  },
  async volumes(manager, wish) {
    const rows = await list(manager, ["volume", "ls", "--filter", "dangling=true"], { schema: volumes, wish });
    return rows.map((row) => ({ id: row.Name, name: row.Name, labels: row.Labels }));
  },
};

function list<Schema extends z.ZodType>(
  manager: PodmanManager,
  args: readonly string[],
  { schema, wish }: { schema: Schema; wish: Wish },
): Promise<z.infer<Schema>> {
  return manager.json([...args, "--format", "json"], schema, { signal: wish.signal });
}
