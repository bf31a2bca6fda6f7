/** Images of the host: names for them, and removing them without taking anybody's container along. */
import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import { imageName, label } from "./names.ts";
import type { PodmanManager } from "./manager.ts";
import { checkLabels, isVisible } from "./policy.ts";
import { containerRow } from "./schemas.ts";

/** On images that podexec built. Not MANAGED_LABEL: a container inherits its image's labels, whoever makes it. */
const BUILT_LABEL = "podexec.built";

export const builtArgs: readonly string[] = ["--label", `${BUILT_LABEL}=1`];

const images = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()).nullish() })).min(1);
const containers = z.array(containerRow).nullish();

/**
 * The id of an image that may be changed: with --own-only one that podexec built.
 *
 * @throws PodexecError INVALID_IMAGE_NAME, IMAGE_NOT_FOUND, REFUSED
 */
export async function ownImage(manager: PodmanManager, name: string, signal: AbortSignal): Promise<string> {
  const [image] = await manager.json(["image", "inspect", "--", imageName(name)], images, { signal });
  if (manager.policy.ownOnly && image?.Labels?.[BUILT_LABEL] !== "1") {
    throw new PodexecError("REFUSED", `the image ${name} was not built by podexec`, {
      hint: "podexec serves with --own-only: only images that podman_build made can be changed.",
    });
  }
  return image?.Id ?? "";
}

/**
 * Removes an image or one of its names.
 *
 * @param force removes its containers too, as far as the caller may remove those
 * @throws PodexecError INVALID_IMAGE_NAME, IMAGE_NOT_FOUND, IN_USE, REFUSED
 */
export async function removeImage(
  manager: PodmanManager,
  { name, force }: { name: string; force: boolean },
  signal: AbortSignal,
): Promise<string> {
  const id = await ownImage(manager, name, signal);
  if (force) await checkContainers(manager, id, signal);
  await manager.must(["image", "rm", ...(force ? ["--force"] : []), "--", name], { signal });
  return id;
}

async function checkContainers(manager: PodmanManager, id: string, signal: AbortSignal): Promise<void> {
  const args = ["ps", "--all", "--external", "--format", "json", "--filter", `ancestor=${id}`];
  for (const { Id, Names, Labels } of (await manager.json(args, containers, { signal })) ?? []) {
    if (isVisible(manager.policy, Labels)) continue;
    checkLabels(manager.policy, `the container ${Names?.[0] ?? Id}, which uses the image,`, Labels);
  }
}

/** Labels for an image. @throws PodexecError REFUSED for podexec's own */
export function imageLabels(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).flatMap((entry) => ["--label", label(entry)]);
}
