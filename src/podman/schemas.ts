/** The parts of Podman's JSON that podexec reads, 4.3 to 5.x; unknown keys pass. */
import { z } from "zod";

/** `podman info --format json`. */
export const infoSchema = z.object({
  host: z.object({
    arch: z.string(),
    cgroupManager: z.string().default(""),
    cgroupVersion: z.string().default(""),
    cgroupControllers: z.array(z.string()).nullish(),
    networkBackend: z.string().default(""),
    ociRuntime: z.object({ name: z.string(), path: z.string().default("") }).nullish(),
    serviceIsRemote: z.boolean().default(false),
    security: z.object({ rootless: z.boolean().default(false), selinuxEnabled: z.boolean().default(false) }),
    slirp4netns: z.object({ executable: z.string().default("") }).nullish(),
    pasta: z.object({ executable: z.string().default("") }).nullish(),
  }),
  version: z.object({ Version: z.string() }),
});
export type PodmanInfo = z.infer<typeof infoSchema>;

/** `podman image inspect`: always a list. */
export const imageInspectSchema = z
  .array(z.object({ Id: z.string(), Architecture: z.string().default(""), Os: z.string().default("") }))
  .min(1);

/** `podman ps --format json`: null or a list; Created is seconds, Labels may be null. */
export const psSchema = z
  .array(
    z.object({
      Id: z.string(),
      Names: z.array(z.string()).default([]),
      Image: z.string().default(""),
      State: z.string().default(""),
      Created: z.number().default(0),
      Labels: z.record(z.string(), z.string()).nullish(),
    }),
  )
  .nullish()
  .transform((list) => list ?? []);
export type PsRow = z.infer<typeof psSchema>[number];

/** `podman events --format json`: one object a line; names differ between 4 and 5. */
export const eventSchema = z.object({
  Status: z.string().optional(),
  status: z.string().optional(),
  ContainerExitCode: z.number().optional(),
});
