/** The networks, volumes, secrets and containers of a project on this Podman. */
import { z } from "zod";
import type { PodmanManager } from "../manage/manager.ts";
import { findObject, needObject, SECRET_SOURCE } from "../manage/objects.ts";
import { isVisible } from "../manage/policy.ts";
import { PROJECT_LABEL } from "./labels.ts";
import type { PlannedObject } from "./resources.ts";
import type { UpWork } from "./work.ts";

export interface Existing {
  id: string;
  name: string;
  imageId: string;
  state: string;
  created: number;
  labels: Record<string, string>;
}

const rowsSchema = z
  .array(
    z.looseObject({
      Id: z.string(),
      Names: z.array(z.string()).default([]),
      ImageID: z.string().default(""),
      State: z.string().default(""),
      Created: z.union([z.number(), z.string()]).default(0),
      Labels: z.record(z.string(), z.string()).nullish(),
    }),
  )
  .nullish();

/** All containers of a project that may be touched, the oldest first. */
export async function projectContainers(
  manager: PodmanManager,
  project: string,
  signal: AbortSignal,
): Promise<Existing[]> {
  const args = ["ps", "--all", "--no-trunc", "--filter", `label=${PROJECT_LABEL}=${project}`, "--format", "json"];
  const rows = (await manager.json(args, rowsSchema, { signal })) ?? [];
  return rows
    .filter(({ Labels: labels }) => isVisible(manager.policy, labels))
    .map((row) => ({
      id: row.Id,
      name: row.Names[0] ?? row.Id,
      imageId: row.ImageID,
      state: row.State.toLowerCase(),
      created: typeof row.Created === "number" ? row.Created : Date.parse(row.Created) / 1000,
      labels: row.Labels ?? {},
    }))
    .toSorted((one, other) => one.created - other.created);
}

type Kind = "network" | "volume" | "secret";

/** Whether the object is there and may be used. @throws PodexecError where it may not, or has to be there and is not */
async function isThere(
  manager: PodmanManager,
  kind: Kind,
  wanted: PlannedObject & { signal: AbortSignal },
): Promise<boolean> {
  if (wanted.external) return (await needObject(manager, kind, wanted)) !== undefined;
  return (await findObject(manager, kind, wanted)) !== undefined;
}

/** @returns whether it was made */
export function provideNetwork(manager: PodmanManager, network: PlannedObject, work: UpWork): Promise<boolean> {
  return provide(manager, "network", { object: network, work });
}

/** @returns whether it was made */
export function provideVolume(manager: PodmanManager, volume: PlannedObject, work: UpWork): Promise<boolean> {
  return provide(manager, "volume", { object: volume, work });
}

/** The content goes through standard input. @returns whether it was made */
export function provideSecret(manager: PodmanManager, secret: PlannedObject, work: UpWork): Promise<boolean> {
  return provide(manager, "secret", { object: secret, work });
}

async function provide(
  manager: PodmanManager,
  kind: Kind,
  { object, work }: { object: PlannedObject; work: UpWork },
): Promise<boolean> {
  const { signal, tell, undo } = work;
  const { name, options, content } = object;
  if (await isThere(manager, kind, { ...object, signal })) return false;
  tell(`creating the ${kind} ${name}`);
  const words = content === undefined ? [name] : [name, SECRET_SOURCE];
  await manager.must([kind, "create", ...options, "--", ...words], {
    signal,
    ...(content === undefined ? {} : { stdin: content }),
  });
  undo.push(`the ${kind} ${name} is removed again`, () => manager.must([kind, "rm", "--", name]));
  return true;
}
