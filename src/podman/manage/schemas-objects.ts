/** Podman's JSON of networks, volumes, pods and secrets, 4.3 to 5.x; whatever else there is passes, but for secrets. */
import { z } from "zod";

const labels = z.record(z.string(), z.string()).nullish();

/** A list, or null for none. */
export const rowsOf = <Row extends z.ZodType>(row: Row) =>
  z
    .array(row)
    .nullish()
    .transform((rows) => rows ?? []);

/** One row of `podman network ls --format json`, and of `network inspect`. */
export const networkRow = z.looseObject({
  name: z.string(),
  id: z.string().nullish(),
  driver: z.string().nullish(),
  created: z.string().nullish(),
  subnets: z.array(z.looseObject({ subnet: z.string(), gateway: z.string().nullish() })).nullish(),
  internal: z.boolean().nullish(),
  dns_enabled: z.boolean().nullish(),
  ipv6_enabled: z.boolean().nullish(),
  labels,
});

/** One row of `podman volume ls --format json`, and of `volume inspect`. */
export const volumeRow = z.looseObject({
  Name: z.string(),
  Driver: z.string().nullish(),
  Mountpoint: z.string().nullish(),
  CreatedAt: z.string().nullish(),
  Options: z.record(z.string(), z.string()).nullish(),
  Labels: labels,
});

/** One row of `podman pod ps --format json`. */
export const podRow = z.looseObject({
  Id: z.string(),
  Name: z.string(),
  Status: z.string().nullish(),
  Created: z.string().nullish(),
  InfraId: z.string().nullish(),
  Containers: z
    .array(z.looseObject({ Id: z.string().nullish(), Names: z.string().nullish(), Status: z.string().nullish() }))
    .nullish(),
  Networks: z.array(z.string()).nullish(),
  Labels: labels,
});

/** `podman pod inspect`. */
export const podReport = z.looseObject({
  Id: z.string(),
  Name: z.string(),
  State: z.string().nullish(),
  Labels: labels,
  Containers: z
    .array(z.looseObject({ Id: z.string().nullish(), Name: z.string().nullish(), State: z.string().nullish() }))
    .nullish(),
});

/** `podman secret inspect`, without the value, which Podman 5 can show. */
export const secretReport = z.object({
  ID: z.string(),
  CreatedAt: z.string().nullish(),
  UpdatedAt: z.string().nullish(),
  Spec: z.object({ Name: z.string(), Driver: z.object({ Name: z.string() }).nullish(), Labels: labels }),
});

/** `podman auto-update --format json`. */
export const updateRow = z.looseObject({
  Unit: z.string().nullish(),
  Container: z.string().nullish(),
  ContainerName: z.string().nullish(),
  Image: z.string().nullish(),
  Policy: z.string().nullish(),
  Updated: z.string().nullish(),
});
