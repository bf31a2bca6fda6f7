/** The same with an installed provider of `podman compose` (Podman 4.7 and newer). */
import { PodexecError } from "../../errors.ts";
import { failureOf } from "../manage/failures.ts";
import type { PodmanManager } from "../manage/manager.ts";
import type { DownRequest, DownResult } from "./down.ts";
import { projectContainers, type Existing } from "./objects.ts";
import { planUp } from "./plan.ts";
import { projectName, readCompose, readProject } from "./read.ts";
import { SERVICE_LABEL } from "./labels.ts";
import type { UpResult } from "./up.ts";
import { hostFiles, type UpControl, type UpRequest } from "./work.ts";

const LIMIT_MS = 3_600_000;
const MAX_SAID = 4_000;

/**
 * `podman compose up`. What the operator has not allowed is refused before, as without a provider.
 *
 * @throws PodexecError as `composeUp`, and PODMAN_ERROR where there is no provider
 */
export async function provideUp(
  manager: PodmanManager,
  request: UpRequest,
  control: UpControl,
): Promise<UpResult & { provider_output: string }> {
  const composition = readCompose(request, hostFiles(manager, request));
  const { policy, adaptation } = manager;
  planUp(composition, { ...request, policy, adaptation });
  const { project, file } = composition;
  const profiles = (request.profiles ?? []).flatMap((profile) => ["--profile", checkedWord(profile)]);
  const services = (request.services ?? []).map(checkedWord);
  const words = ["up", "--detach", ...(request.build ? ["--build"] : []), ...services];
  const before = await projectContainers(manager, project, control.signal);
  const said = await provide(manager, { words: [...profiles, ...words], file, project }, control);
  const after = await projectContainers(manager, project, control.signal);
  return {
    project,
    services: after.map((container) => ({ ...told(container), action: actionOf(container, before) })),
    created: { networks: [], volumes: [], secrets: [] },
    orphans: [],
    unsupported: Object.keys(request.env ?? {}).map(
      (name) => `env.${name}: the provider reads .env and its own environment`,
    ),
    provider_output: said,
  };
}

/** `podman compose down`. @throws PodexecError as `composeDown`, and PODMAN_ERROR where there is no provider */
export async function provideDown(
  manager: PodmanManager,
  request: DownRequest,
  control: UpControl,
): Promise<DownResult & { provider_output: string }> {
  const files = hostFiles(manager, request);
  const file = request.projectName === undefined ? files.find(request.file, request.base, "file") : undefined;
  const project =
    request.projectName === undefined ? readProject(request, files) : projectName(request.projectName, "");
  const before = await projectContainers(manager, project, control.signal);
  const words = ["down", ...(request.volumes ? ["--volumes"] : [])];
  const said = await provide(manager, { words, file, project }, control);
  const after = new Set((await projectContainers(manager, project, control.signal)).map(({ id }) => id));
  const containers = before.filter(({ id }) => !after.has(id)).map(({ name }) => name);
  return { project, removed: { containers, networks: [], volumes: [], secrets: [] }, kept: [], provider_output: said };
}

interface Provision {
  words: readonly string[];
  file: string | undefined;
  project: string;
}

async function provide(
  manager: PodmanManager,
  { words, file, project }: Provision,
  { signal, tell }: UpControl,
): Promise<string> {
  const place = file === undefined ? [] : ["--file", file];
  const args = ["compose", ...place, "--project-name", project, ...words];
  const result = await manager.run(args, { signal, timeoutMs: LIMIT_MS, onLine: tell });
  if (result.status === 0) return `${result.stdout}${result.stderr}`.trim().slice(-MAX_SAID);
  const { code, message, details } = failureOf("compose", result);
  const isMissing =
    /unrecognized command|unknown flag|unknown command|looking up compose provider|executable file not found/i.test(
      result.stderr,
    );
  const hint =
    "Install docker-compose or podman-compose and Podman 4.7 or newer, or start the server without --compose-provider.";
  throw new PodexecError(code, message, { ...(details ? { details } : {}), ...(isMissing ? { hint } : {}) });
}

function checkedWord(word: string): string {
  if (/^[a-zA-Z0-9][\w.-]*$/.test(word)) return word;
  throw new PodexecError("INVALID_PARAMS", `${JSON.stringify(word)} is not the name of a service or profile`);
}

function told({ id, name, labels }: Existing) {
  return {
    service: labels[SERVICE_LABEL] ?? labels["com.docker.compose.service"] ?? name,
    container: name,
    id,
    image: "",
  };
}

function actionOf({ id, name }: Existing, before: readonly Existing[]): UpResult["services"][number]["action"] {
  const known = before.find((container) => container.name === name);
  if (!known) return "created";
  if (known.id !== id) return "recreated";
  return known.state === "running" ? "unchanged" : "started";
}
