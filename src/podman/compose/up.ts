/** Brings a planned project up, step by step; what a call has made is removed again when one of its steps fails. */
import { PodexecError, toPodexecError } from "../../errors.ts";
import type { PodmanManager } from "../manage/manager.ts";
import { provideImage } from "./image.ts";
import { HASH_LABEL, SERVICE_LABEL } from "./labels.ts";
import { projectContainers, provideNetwork, provideSecret, provideVolume, type Existing } from "./objects.ts";
import { planUp, type Plan, type PlannedService } from "./plan.ts";
import { readCompose } from "./read.ts";
import { Undo } from "./undo.ts";
import { waitForOthers } from "./wait.ts";
import { hostFiles, type UpControl, type UpRequest, type UpWork } from "./work.ts";

type UpAction = "created" | "recreated" | "started" | "unchanged";

export interface UpResult {
  project: string;
  services: { service: string; container: string; id: string; image: string; action: UpAction }[];
  /** What was not there before. */
  created: { networks: string[]; volumes: string[]; secrets: string[] };
  /** Containers of the project whose service the file does not have any more. */
  orphans: string[];
  unsupported: string[];
}

/**
 * Creates and starts the services of a compose file; those that run as the file has them stay as they are.
 *
 * @throws PodexecError for the file (INVALID_PARAMS, FILE_NOT_FOUND, REFUSED), Podman's failures, SERVICE_FAILED
 */
export async function composeUp(manager: PodmanManager, request: UpRequest, control: UpControl): Promise<UpResult> {
  const files = hostFiles(manager, request);
  const composition = readCompose(request, files);
  const { policy, adaptation } = manager;
  const plan = planUp(composition, { ...request, policy, adaptation });
  const undo = new Undo();
  try {
    const result = await bringUp(manager, plan, { ...control, request, files, undo });
    await undo.settle();
    const orphans = result.existing.filter(
      ({ labels }) => !Object.hasOwn(composition.compose.services, labels[SERVICE_LABEL] ?? ""),
    );
    return { ...result.up, orphans: orphans.map(({ name }) => name) };
  } catch (thrown) {
    const error = toPodexecError(thrown);
    const undone = await undo.all();
    const details = [error.details, ...undone].filter(Boolean).join("\n");
    throw new PodexecError(error.code, error.message, {
      ...(error.hint ? { hint: error.hint } : {}),
      details,
      cause: error,
    });
  }
}

async function bringUp(
  manager: PodmanManager,
  plan: Plan,
  work: UpWork,
): Promise<{ up: Omit<UpResult, "orphans">; existing: Existing[] }> {
  const { project, unsupported } = plan;
  const existing = await projectContainers(manager, project, work.signal);
  // Nothing is made before all images are there: this is what fails most often.
  for (const service of plan.services) await provideImage(manager, { service, folder: plan.folder }, work);
  const created: UpResult["created"] = { networks: [], volumes: [], secrets: [] };
  for (const network of plan.networks)
    if (await provideNetwork(manager, network, work)) created.networks.push(network.name);
  for (const volume of plan.volumes) if (await provideVolume(manager, volume, work)) created.volumes.push(volume.name);
  for (const secret of plan.secrets) if (await provideSecret(manager, secret, work)) created.secrets.push(secret.name);
  const services: UpResult["services"] = [];
  for (const service of plan.services) {
    await waitForOthers(manager, service, { ...work, unsupported });
    services.push(await provideContainer(manager, { service, existing }, work));
  }
  return { up: { project, services, created, unsupported }, existing };
}

async function provideContainer(
  manager: PodmanManager,
  { service, existing }: { service: PlannedService; existing: readonly Existing[] },
  work: UpWork,
): Promise<UpResult["services"][number]> {
  const { signal, tell, undo } = work;
  const { container, image } = service;
  const old = existing.find(({ name }) => name === container);
  const about = { service: service.service, container, image };
  const imageId = (await manager.must(["image", "inspect", "--format", "{{.Id}}", "--", image], { signal })).trim();
  if (old && old.labels[HASH_LABEL] === service.hash && sameId(old.imageId, imageId)) {
    if (old.state === "running") return { ...about, id: old.id, action: "unchanged" };
    tell(`starting ${container}`);
    await manager.must(["start", "--", old.id], { signal });
    undo.push(`${container} is stopped again`, () => manager.must(["stop", "--time", "5", "--", old.id]));
    return { ...about, id: old.id, action: "started" };
  }
  if (old) await setAside(manager, old, work);
  tell(`${old ? "creating again" : "creating"} ${container}`);
  const args = ["create", "--pull", "never", ...service.options, "--", image, ...service.command];
  const id = (await manager.must(args, { signal })).trim().split("\n").at(-1) ?? "";
  undo.push(`${container} is removed again`, () =>
    manager.must(["rm", "--force", "--volumes", "--time", "0", "--", id]),
  );
  await manager.must(["start", "--", id], { signal });
  return { ...about, id, action: old ? "recreated" : "created" };
}

/** Stops and renames what is replaced: it comes back if the call fails, and is removed at its end. */
async function setAside(manager: PodmanManager, old: Existing, { signal, tell, undo }: UpWork): Promise<void> {
  const aside = `${old.name}-old-${old.id.slice(0, 12)}`;
  tell(`stopping ${old.name}`);
  if (old.state === "running") {
    undo.push(`${old.name} runs again`, () => manager.must(["start", "--", old.id]));
    await manager.must(["stop", "--", old.id], { signal });
  }
  await manager.must(["rename", old.id, aside], { signal });
  undo.push(`${old.name} has its name again`, () => manager.must(["rename", old.id, old.name]));
  undo.atTheEnd(() => manager.must(["rm", "--force", "--time", "0", "--", old.id]));
}

/** Podman tells images with and without the digest's name. */
function sameId(one: string, other: string): boolean {
  const plain = (id: string) => id.replace(/^sha256:/, "");
  return one !== "" && plain(other).startsWith(plain(one));
}
