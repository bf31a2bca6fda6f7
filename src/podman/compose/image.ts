/** The images of a project: there already, built, or pulled. They stay when a call fails. */
import type { PodmanManager } from "../manage/manager.ts";
import { failureOf } from "../manage/failures.ts";
import { PodexecError } from "../../errors.ts";
import type { PlannedService } from "./plan.ts";
import type { UpWork } from "./work.ts";

const BUILD_LIMIT_MS = 3_600_000;

/** @throws PodexecError BUILD_FAILED, IMAGE_NOT_FOUND, REGISTRY_ERROR, REFUSED */
export async function provideImage(
  manager: PodmanManager,
  { service, folder }: { service: PlannedService; folder: string },
  work: UpWork,
): Promise<void> {
  const { image, pull, build } = service;
  const { signal, tell, request } = work;
  // A file that may not be built is refused even where there is nothing to build.
  const place = build && placeOf({ service: service.service, build, folder }, work);
  const isThere = (await manager.run(["image", "exists", "--", image], { signal })).status === 0;
  if (build && place) {
    if (isThere && !request.build && !build.always) return;
    tell(`building ${image}`);
    const args = ["build", ...build.args, "--file", place.containerfile, "--", place.context];
    await buildImage(manager, { service: service.service, args }, work);
    return;
  }
  if (pull === "never" || (isThere && pull === "missing")) return;
  tell(`pulling ${image}`);
  await manager.must(["pull", "--", image], { signal, timeoutMs: BUILD_LIMIT_MS, onLine: tell });
}

async function buildImage(
  manager: PodmanManager,
  { service, args }: { service: string; args: readonly string[] },
  { signal, tell }: UpWork,
): Promise<void> {
  const result = await manager.run(args, { signal, timeoutMs: BUILD_LIMIT_MS, onLine: tell });
  if (result.status === 0) return;
  const { message, details } = failureOf("build", result);
  throw new PodexecError("BUILD_FAILED", `services.${service}: ${message}`, details ? { details } : {});
}

function placeOf(
  { service, build, folder }: { service: string; build: NonNullable<PlannedService["build"]>; folder: string },
  { files }: UpWork,
): { context: string; containerfile: string } {
  const where = `services.${service}.build`;
  const context = files.find(build.context, folder, `${where}.context`);
  const named = build.containerfile ?? findContainerfile(context, files, where);
  return { context, containerfile: files.find(named, context, `${where}.dockerfile`) };
}

/** Podman's own order. */
function findContainerfile(context: string, files: UpWork["files"], where: string): string {
  try {
    files.find("Containerfile", context, where);
    return "Containerfile";
  } catch {
    return "Dockerfile";
  }
}
