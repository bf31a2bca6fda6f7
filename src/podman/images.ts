import { PodexecError } from "../errors.ts";
import { failedError, parseJson, type Podman } from "./client.ts";
import { imageInspectSchema } from "./schemas.ts";

/**
 * An image's architecture as Podman names it, such as `amd64`.
 *
 * @throws PodexecError IMAGE_MISSING, PODMAN_ERROR
 */
export async function imageArchitecture(podman: Podman, image: string): Promise<string> {
  const args = ["image", "inspect", "--", image];
  const result = await podman.run(args);
  if (result.status === 0) return parseJson(args, result.stdout, imageInspectSchema)[0]?.Architecture ?? "";
  if (/no such image|image not known|unable to find|invalid reference/i.test(result.stderr)) throw imageMissing(image);
  throw failedError(args, result);
}

/** The error that names a missing image and the command that makes it: podexec builds local ones, others are pulled. */
export function imageMissing(image: string): PodexecError {
  const hint = image.startsWith("localhost/")
    ? `Build it with \`podexec build-image --tag ${image}\`, or start with \`podexec serve --build\`.`
    : `Get it with \`podman pull ${image}\` on podexec's host.`;
  return new PodexecError("IMAGE_MISSING", `the image ${image} is not there`, { hint });
}

/** Whether Podman has an image. */
export async function imageExists(podman: Podman, image: string): Promise<boolean> {
  return (await podman.run(["image", "exists", "--", image])).status === 0;
}
