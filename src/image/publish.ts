/** From a complete image under its temporary name to the image that sandboxes start from. */
import { z } from "zod";
import type { Podman } from "../podman/client.ts";
import { imageExists } from "../podman/images.ts";
import { buildError } from "./causes.ts";
import type { Work } from "./work.ts";

const imageSchema = z
  .array(z.object({ Id: z.string(), Size: z.number().default(0), RepoTags: z.array(z.string()).nullish() }))
  .min(1);

export interface Published {
  /** `sha256:` and 64 hexadecimal digits. */
  id: string;
  sizeBytes: number;
}

/**
 * Starts the image once, gives it its name, and removes the image that had it before where nothing uses that any more.
 *
 * @throws PodexecError BUILD_FAILED where no shell starts in it; the old image keeps its name then
 */
export async function publish(work: Work, tag: string): Promise<Published> {
  await tryImage(work);
  work.signal.throwIfAborted();
  const { podman, temporaryTag } = work;
  const before = await inspect(podman, tag);
  await podman.must(["tag", temporaryTag, tag]);
  await podman.must(["untag", temporaryTag, temporaryTag]);
  const [image] = await podman.json(["image", "inspect", tag], imageSchema);
  const id = image?.Id ?? "";
  if (before !== undefined && before !== id) await removeUnnamed(work, before);
  return { id: id.startsWith("sha256:") ? id : `sha256:${id}`, sizeBytes: image?.Size ?? 0 };
}

/** Removes the image that an unfinished build left under its temporary name. */
export async function discard(podman: Podman, temporaryTag: string): Promise<void> {
  if (await imageExists(podman, temporaryTag)) await podman.run(["rmi", "--force", temporaryTag]);
}

async function tryImage(work: Work): Promise<void> {
  work.progress.step("Trying the image");
  const args = ["run", "--rm", "--pull", "never", "--network", "none", ...work.runArgs, "--entrypoint", "/bin/sh"];
  const { status, stderr } = await work.podman.run([...args, work.temporaryTag, "-lc", ":"], { signal: work.signal });
  if (status !== 0) throw buildError("starting `/bin/sh -lc` in the new image", stderr.trim().split("\n"));
}

async function inspect(podman: Podman, name: string): Promise<string | undefined> {
  const { status, stdout } = await podman.run(["image", "inspect", name]);
  return status === 0 ? imageSchema.parse(JSON.parse(stdout))[0]?.Id : undefined;
}

async function removeUnnamed({ podman, progress }: Work, id: string): Promise<void> {
  const [image] = await podman.json(["image", "inspect", id], imageSchema);
  if ((image?.RepoTags ?? []).length > 0) return;
  const { status } = await podman.run(["rmi", id]);
  if (status !== 0) progress.note(`The image before this one is still in use; later: podman rmi ${id.slice(0, 12)}`);
}
