/** What has to be done for a composition: argument arrays of podman, in the order of dependencies. Does nothing. */
import { PodexecError } from "../../errors.ts";
import type { Adaptation } from "../adaptation.ts";
import { dependenciesOf, startOrder } from "./order.ts";
import { digest, profilesOf, type Composition } from "./read.ts";
import { planNetworks, planSecrets, planVolumes, type Grants, type PlannedObject } from "./resources.ts";
import type { Build, Dependency, Service } from "./schema.ts";
import { buildArgs, serviceArgs } from "./service.ts";
import type { ServicePlace } from "./service-files.ts";
import type { Policy } from "../manage/policy.ts";
import { containerOf, HASH_LABEL, labelsOf } from "./labels.ts";
import { imageName } from "../manage/names.ts";

export interface PlanRequest {
  /** Default: all whose profiles are active. */
  services?: readonly string[] | undefined;
  profiles?: readonly string[] | undefined;
  policy: Policy;
  /** What this host's Podman is and needs; a container's hash does not depend on its flags. */
  adaptation: Adaptation;
}

export interface PlannedService {
  service: string;
  container: string;
  image: string;
  /** When the image is fetched. */
  pull: "always" | "missing" | "never";
  /** The folder that is built, as written, and the arguments of `podman build` without it. */
  build?: { context: string; containerfile: string | undefined; args: string[]; always: boolean };
  /** Behind `podman create`: options, then `--`, the image and its command. */
  options: string[];
  command: string[];
  /** Changes when the container has to be made again. */
  hash: string;
  waitsFor: { service: string; container: string; condition: Dependency["condition"]; required: boolean }[];
}

export interface Plan {
  project: string;
  /** Where relative paths start. */
  folder: string;
  networks: PlannedObject[];
  volumes: PlannedObject[];
  secrets: PlannedObject[];
  /** Each behind those it waits for. */
  services: PlannedService[];
  unsupported: string[];
}

/** @throws PodexecError INVALID_PARAMS naming the place in the file */
export function planUp(composition: Composition, request: PlanRequest): Plan {
  const { project, compose, folder } = composition;
  const unsupported = [...composition.unsupported];
  const profiles = [...(request.profiles ?? []), ...profilesOf(composition.variables)];
  const order = startOrder(compose.services, request.services ?? [], profiles);
  const volumes = planVolumes(project, compose.volumes ?? {}, unsupported);
  const networks = planNetworks(project, compose.networks ?? {}, unsupported);
  const secrets = planSecrets(composition);
  const used = { networks: new Set<string>(), volumes: new Set<string>(), secrets: new Set<string>() };
  const services = order.map((name) =>
    planService(name, { composition, request, unsupported, used, grants: { networks, volumes, secrets } }),
  );
  const only = (planned: ReadonlyMap<string, PlannedObject>, keys: ReadonlySet<string>) =>
    [...planned].filter(([key]) => keys.has(key)).map(([, object]) => object);
  return {
    project,
    folder,
    networks: only(networks, used.networks),
    volumes: only(volumes, used.volumes),
    secrets: only(secrets, used.secrets),
    services,
    unsupported: [...new Set(unsupported)],
  };
}

interface Planning {
  composition: Composition;
  request: PlanRequest;
  unsupported: string[];
  used: Record<"networks" | "volumes" | "secrets", Set<string>>;
  grants: Grants;
}

function planService(name: string, planning: Planning): PlannedService {
  const { composition, request, unsupported } = planning;
  const service = composition.compose.services[name] as Service;
  const { project } = composition;
  const replicas = service.scale ?? service.deploy?.replicas ?? 1;
  if (replicas !== 1) unsupported.push(`services.${name}: ${replicas} replicas; one is started`);
  const container = containerOf(project, name, service);
  const given = service.image ?? (service.build ? `localhost/${project}-${name}:latest` : undefined);
  if (given === undefined) throw new PodexecError("INVALID_PARAMS", `services.${name} has neither image nor build`);
  const image = imageName(given);
  const { policy, adaptation } = request;
  const place: ServicePlace = { ...planning, ...adaptation, policy, name };
  const { options, command } = serviceArgs(service, place);
  const hash = digest([image, options, command]);
  const identity = ["--name", container, ...labelsOf(project, name, composition), "--label", `${HASH_LABEL}=${hash}`];
  return {
    service: name,
    container,
    image,
    pull: pullOf(service, name, unsupported),
    ...(service.build
      ? { build: plannedBuild(service.build, { name, image, service, runArgs: adaptation.runArgs }) }
      : {}),
    options: [...identity, ...adaptation.runArgs, ...options],
    command,
    hash,
    waitsFor: waitsFor(service, composition),
  };
}

function plannedBuild(
  build: Build,
  { name, image, service, runArgs }: { name: string; image: string; service: Service; runArgs: readonly string[] },
): NonNullable<PlannedService["build"]> {
  if (/^[a-z+]+:\/\/|^git@/.test(build.context)) {
    throw new PodexecError("INVALID_PARAMS", `services.${name}.build.context: only folders of this host are built`);
  }
  return {
    context: build.context,
    containerfile: build.dockerfile,
    args: buildArgs(build, { image, name, runArgs }),
    always: service.pull_policy === "build",
  };
}

const PULLS: Readonly<Record<string, PlannedService["pull"]>> = {
  always: "always",
  missing: "missing",
  if_not_present: "missing",
  never: "never",
  build: "missing",
};

function pullOf(service: Service, name: string, unsupported: string[]): PlannedService["pull"] {
  const word = service.pull_policy ?? "missing";
  const pull = Object.hasOwn(PULLS, word) ? PULLS[word] : undefined;
  if (pull === undefined) unsupported.push(`services.${name}.pull_policy: ${word}; missing images are pulled`);
  return pull ?? "missing";
}

function waitsFor(service: Service, { project, compose }: Composition): PlannedService["waitsFor"] {
  return Object.entries(dependenciesOf(service)).flatMap(([name, { condition, required }]) => {
    const other = compose.services[name];
    return other ? [{ service: name, container: containerOf(project, name, other), condition, required }] : [];
  });
}
