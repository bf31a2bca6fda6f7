/** How objects of a project are named and marked: as other programs for compose files do, so that they find them. */
import { createHash } from "node:crypto";
import { containerName } from "../manage/names.ts";
import { MANAGED_LABEL } from "../manage/policy.ts";
import type { Service } from "./schema.ts";

export const PROJECT_LABEL = "io.podman.compose.project";
export const SERVICE_LABEL = "io.podman.compose.service";
const DOCKER_PROJECT_LABEL = "com.docker.compose.project";
/** What a container was made from: with another one it is made again. */
export const HASH_LABEL = "podexec.compose.hash";

/** The container of a service: its only replica. @throws PodexecError INVALID_CONTAINER_NAME */
export function containerOf(project: string, name: string, { container_name: given }: Service): string {
  return containerName(given ?? `${project}-${name}-1`);
}

/** `--label` for every object of a project. */
export function projectLabels(project: string): string[] {
  const labels = { [PROJECT_LABEL]: project, [DOCKER_PROJECT_LABEL]: project, [MANAGED_LABEL]: "1" };
  return Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
}

/** `--label` for a service's container. */
export function labelsOf(project: string, service: string, from: { file: string; folder: string }): string[] {
  const labels = {
    [SERVICE_LABEL]: service,
    "com.docker.compose.service": service,
    "com.docker.compose.container-number": "1",
    "com.docker.compose.project.working_dir": from.folder,
    "com.docker.compose.project.config_files": from.file,
  };
  return [
    ...projectLabels(project),
    ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
  ];
}

/** Whether a label belongs to programs for compose files themselves. */
export function isProjectLabel(name: string): boolean {
  return /^(io\.podman|com\.docker)\.compose\./.test(name);
}

/** A digest of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
