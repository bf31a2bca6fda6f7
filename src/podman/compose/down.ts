/** Takes a project down: containers, networks and secrets, and its volumes where asked for. */
import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import { failureOf } from "../manage/failures.ts";
import type { PodmanManager } from "../manage/manager.ts";
import { isVisible } from "../manage/policy.ts";
import { PROJECT_LABEL } from "./labels.ts";
import { projectContainers, type Existing } from "./objects.ts";
import { projectName, readProject } from "./read.ts";
import { hostFiles, type UpControl } from "./work.ts";

export interface DownRequest {
  /** Read for the name of its project only, and not at all where that is given. */
  file: string;
  base: string;
  projectName?: string | undefined;
  /** Removes the project's volumes, and anonymous ones of its containers, with all that is in them. */
  volumes: boolean;
}

export interface DownResult {
  project: string;
  removed: { containers: string[]; networks: string[]; volumes: string[]; secrets: string[] };
  /** What something else still uses, with Podman's words. */
  kept: { kind: string; name: string; why: string }[];
}

const STOP_LIMIT_MS = 120_000;

/** @throws PodexecError INVALID_PARAMS, FILE_NOT_FOUND, REFUSED for the file; Podman's failures */
export async function composeDown(
  manager: PodmanManager,
  request: DownRequest,
  control: UpControl,
): Promise<DownResult> {
  const project =
    request.projectName === undefined
      ? readProject(request, hostFiles(manager, request))
      : projectName(request.projectName, "");
  const result: DownResult = { project, removed: { containers: [], networks: [], volumes: [], secrets: [] }, kept: [] };
  await removeContainers(manager, { request, result }, control);
  const kinds = ["network", "secret", ...(request.volumes ? ["volume" as const] : [])] as const;
  for (const kind of kinds) {
    for (const name of await objectsOf(manager, { kind, project }, control.signal)) {
      const removed = await manager.run([kind, "rm", "--", name], { signal: control.signal });
      if (removed.status === 0) result.removed[`${kind}s`].push(name);
      else result.kept.push({ kind, name, why: failureOf(`${kind} rm`, removed).message });
    }
  }
  return result;
}

async function removeContainers(
  manager: PodmanManager,
  { request, result }: { request: DownRequest; result: DownResult },
  { signal, tell }: UpControl,
): Promise<void> {
  let left: Existing[] = (await projectContainers(manager, result.project, signal)).toReversed();
  if (left.length === 0) return;
  tell(`stopping ${left.length} containers`);
  await manager.run(["stop", "--", ...left.map(({ id }) => id)], {
    signal,
    timeoutMs: STOP_LIMIT_MS,
  });
  // One whose network another one shares can only go behind that one.
  for (let before = Number.POSITIVE_INFINITY, why = ""; left.length > 0; before = left.length) {
    if (left.length >= before)
      throw new PodexecError("PODMAN_ERROR", `${left.map(({ name }) => name).join(", ")} cannot be removed`, {
        details: why,
      });
    const failed: Existing[] = [];
    for (const container of left) {
      const args = [
        "rm",
        "--force",
        "--ignore",
        "--time",
        "0",
        ...(request.volumes ? ["--volumes"] : []),
        "--",
        container.id,
      ];
      const removed = await manager.run(args, { signal });
      if (removed.status === 0) result.removed.containers.push(container.name);
      else failed.push(container);
      why = removed.status === 0 ? why : removed.stderr.trim().slice(-2000);
    }
    left = failed;
  }
}

const labels = z.record(z.string(), z.string()).nullish();
const volumesSchema = z.array(z.looseObject({ Name: z.string(), Labels: labels })).nullish();
const networksSchema = z.array(z.looseObject({ name: z.string(), labels })).nullish();
const secretsSchema = z.array(z.looseObject({ Spec: z.looseObject({ Name: z.string(), Labels: labels }) })).nullish();

type Kind = "network" | "volume" | "secret";

/** The names of a project's objects that may be touched. */
async function objectsOf(
  manager: PodmanManager,
  { kind, project }: { kind: Kind; project: string },
  signal: AbortSignal,
): Promise<string[]> {
  const objects = await LISTS[kind](manager, signal);
  return objects
    .filter(({ labels }) => labels?.[PROJECT_LABEL] === project && isVisible(manager.policy, labels))
    .map(({ name }) => name);
}

type List = (
  manager: PodmanManager,
  signal: AbortSignal,
) => Promise<{ name: string; labels: z.infer<typeof labels> }[]>;

const LISTS: Readonly<Record<Kind, List>> = {
  async network(manager, signal) {
    const rows = await manager.json(["network", "ls", "--format", "json"], networksSchema, { signal });
    return (rows ?? []).map((row) => ({ name: row.name, labels: row.labels }));
  },
  async volume(manager, signal) {
    const rows = await manager.json(["volume", "ls", "--format", "json"], volumesSchema, { signal });
    return (rows ?? []).map((row) => ({ name: row.Name, labels: row.Labels }));
  },
  async secret(manager, signal) {
    const ids = (await manager.must(["secret", "ls", "--quiet"], { signal })).split("\n").filter(Boolean);
    if (ids.length === 0) return [];
    const rows = await manager.json(["secret", "inspect", "--", ...ids], secretsSchema, { signal });
    return (rows ?? []).map(({ Spec: spec }) => ({ name: spec.Name, labels: spec.Labels }));
  },
};
