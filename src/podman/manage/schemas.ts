/** Podman's JSON as the tools hand it on, 4.3 to 5.x: what is known has its shape, whatever else there is passes. */
import { z } from "zod";

const labels = z.record(z.string(), z.string()).nullish();
const count = z.union([z.number(), z.string()]);
const list = <Item extends z.ZodType>(item: Item) => z.array(item).nullish();

/** One row of `podman ps --format json`. */
export const containerRow = z.looseObject({
  Id: z.string(),
  Names: list(z.string()),
  Image: z.string().nullish(),
  Command: z.union([z.array(z.string()), z.string()]).nullish(),
  State: z.string().nullish(),
  Status: z.string().nullish(),
  ExitCode: z.number().nullish(),
  Created: z.union([z.number(), z.string()]).nullish(),
  Labels: labels,
  Mounts: list(z.string()),
  Networks: list(z.string()),
  Ports: list(
    z.looseObject({
      host_ip: z.string().nullish(),
      container_port: z.number().nullish(),
      host_port: z.number().nullish(),
      range: z.number().nullish(),
      protocol: z.string().nullish(),
    }),
  ),
  Pod: z.string().nullish(),
});
export type ContainerRow = z.infer<typeof containerRow>;

/** One row of `podman images --format json`. */
export const imageRow = z.looseObject({
  Id: z.string(),
  Names: list(z.string()),
  RepoTags: list(z.string()),
  RepoDigests: list(z.string()),
  Size: z.number().nullish(),
  Created: z.union([z.number(), z.string()]).nullish(),
  CreatedAt: z.string().nullish(),
  Containers: z.number().nullish(),
  Labels: labels,
});

/** One row of `podman image history --format json`. */
export const historyRow = z.looseObject({
  id: z.string().nullish(),
  created: z.string().nullish(),
  CreatedBy: z.string().nullish(),
  size: z.number().nullish(),
  comment: z.string().nullish(),
  tags: list(z.string()),
});

/** One row of `podman stats --no-stream --format json`: texts with units, as Podman writes them. */
export const statsRow = z.looseObject({
  id: z.string().nullish(),
  name: z.string().nullish(),
  cpu_time: z.string().nullish(),
  cpu_percent: z.string().nullish(),
  avg_cpu: z.string().nullish(),
  mem_usage: z.string().nullish(),
  mem_percent: z.string().nullish(),
  net_io: z.string().nullish(),
  block_io: z.string().nullish(),
  pids: count.nullish(),
});

/** One line of `podman events --format json`; 5.x may write the names small. */
export const eventRow = z.looseObject({
  ID: z.string().nullish(),
  Name: z.string().nullish(),
  Status: z.string().nullish(),
  Time: z.string().nullish(),
  Type: z.string().nullish(),
  Image: z.string().nullish(),
  ContainerExitCode: z.number().nullish(),
  Attributes: labels,
});
export type EventRow = z.infer<typeof eventRow>;

/** `podman diff --format json`. */
export const diffReport = z.looseObject({
  changed: list(z.string()),
  added: list(z.string()),
  deleted: list(z.string()),
});

/** One line of `podman system df --format '{{json .}}'`; 5.x has texts where 4.x has bytes, and both as RawSize. */
export const dfRow = z.looseObject({
  Type: z.string(),
  Total: count.nullish(),
  Active: count.nullish(),
  Size: count.nullish(),
  Reclaimable: count.nullish(),
  RawSize: z.number().nullish(),
  RawReclaimable: z.number().nullish(),
});

/** What any `inspect` prints: a list of objects. */
export const inspected = z.array(z.record(z.string(), z.unknown())).nullish();

/** `podman info --format json`, as far as a reader counts on it. */
export const infoReport = z.looseObject({
  host: z.looseObject({ arch: z.string().nullish(), os: z.string().nullish(), hostname: z.string().nullish() }),
  store: z.looseObject({}).nullish(),
  version: z.looseObject({ Version: z.string() }),
});
