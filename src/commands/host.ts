/** Puts together what every verb needs that touches sandboxes: Podman as this host has it, and the engine on it. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { loadServeConfig, type Flags } from "../config.ts";
import type { Log } from "../log.ts";
import type { OptionName } from "../options.ts";
import { AdaptationCache } from "../podman/cache.ts";
import { Podman } from "../podman/client.ts";
import { PodmanEngine } from "../podman/engine.ts";
import type { Adaptation } from "../podman/adaptation.ts";
import { adapt, readFacts } from "../podman/host.ts";
import { thisOwner, type Owner, type OwnerKind } from "../podman/labels.ts";
import { trialImage } from "../podman/trial.ts";
import type { SandboxSpec } from "../sandbox/engine.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import type { Args, Environment, VerbContext } from "./command.ts";
import { prepareDataFolder } from "./data-folder.ts";
import { serveArgs } from "./serve-args.ts";

export interface HostOptions {
  /** The podman program, a name or a path. */
  program: string;
  environment: Environment;
  dataFolder: string;
  log: Log;
  /** What sandboxes are to reach: a host may be able to start those that reach nothing and no others. */
  network: SandboxSpec["network"];
  /** Ends whatever Podman is asked. */
  signal: AbortSignal;
}

/** One Podman, and how it has to be called here. */
export interface Host {
  podman: Podman;
  adaptation: Adaptation;
}

const TRIAL_SPEC: Omit<SandboxSpec, "image" | "network"> = {
  memory: 268_435_456,
  cpus: 1,
  pids: 64,
  env: {},
  leaseMs: 30_000,
};
const SMALL_SPILL = 1_048_576;

/**
 * Podman with the flags it needs on this host: remembered ones, or found out by a trial sandbox.
 *
 * @param fresh tries again even where flags are remembered
 * @throws PodexecError PODMAN_MISSING, PODMAN_TOO_OLD, PODMAN_UNUSABLE, INVALID_CONFIG for an unusable data folder
 */
export async function openHost(options: HostOptions, fresh = false): Promise<Host> {
  prepareDataFolder(options.dataFolder);
  const podman = new Podman({ program: options.program });
  const cache = new AdaptationCache(options.dataFolder, options.program, options.network, options.environment);
  const known = fresh ? undefined : cache.read();
  const adaptation = known ?? (await findAdaptation(podman, options));
  if (!known) {
    cache.write(adaptation);
    for (const said of adaptation.says) options.log.info(`adapted to this host: ${said}`);
  }
  for (const lack of adaptation.lacks) options.log.warn(lack);
  return { podman, adaptation };
}

/** What the verbs beside `serve` need to know of its configuration. */
export interface HostConfig extends HostOptions {
  image: string;
}

/** The flags that say which Podman and which data folder, and further ones of `serve` by name. */
export function hostArgs(...more: OptionName[]): Args {
  const all = serveArgs();
  const names = ["podman", "data-dir", ...more, "config"];
  return Object.fromEntries(names.flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
}

/** The configuration of `serve` as far as it concerns a verb that serves nothing. */
export function loadHostConfig(context: Surroundings & { args: Flags }): HostConfig {
  const given = { ...pick(context.args, HOST_FLAGS), insecure: true };
  const variables = pick(context.environment, HOST_VARIABLES);
  const { config } = loadServeConfig(given, variables, (path) => readFileSync(path, "utf8"));
  return { ...hostOptions(config, context), image: config.image };
}

const HOST_FLAGS = ["podman", "data-dir", "image", "config"];
const HOST_VARIABLES = [
  ...["PODEXEC_PODMAN", "PODEXEC_DATA_DIR", "PODEXEC_IMAGE", "PODEXEC_CONFIG"],
  ...["XDG_DATA_HOME", "LOCALAPPDATA"],
];

function pick<Value>(from: Readonly<Record<string, Value>>, names: readonly string[]): Record<string, Value> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
}

/** What `openHost` needs of a configuration. */
export function hostOptions(
  config: { podman: string; dataDir: string; network: SandboxSpec["network"] },
  { environment, log, signal }: Surroundings,
): HostOptions {
  return { program: config.podman, environment, dataFolder: config.dataDir, network: config.network, log, signal };
}

/** What a verb's context says about where it runs. */
export type Surroundings = Pick<VerbContext, "environment" | "log" | "signal">;

/** An engine for this process as an owner of sandboxes. */
export function openEngine(host: Host, options: EngineOptions, owner = newOwner(options.kind)): PodmanEngine {
  const { dataFolder, log, spillLimit = SMALL_SPILL } = options;
  return new PodmanEngine({ ...host, owner, dataFolder, spillLimit, warn: (message) => log.warn(message) });
}

export interface EngineOptions {
  dataFolder: string;
  log: Log;
  /** Bytes that the output files of one sandbox may take together; default 1 MiB. */
  spillLimit?: number;
  /** Whose sandboxes it takes over, and who takes over its own; default `verb`, whose are taken over by nobody. */
  kind?: OwnerKind;
}

function newOwner(kind?: OwnerKind): Owner {
  return thisOwner(randomBytes(6).toString("hex"), kind);
}

async function findAdaptation(podman: Podman, options: HostOptions): Promise<Adaptation> {
  const { signal } = options;
  const facts = await readFacts(podman, signal);
  options.log.info("finding out what Podman needs on this host, with a trial sandbox");
  const image = await trialImage(podman, facts.info.host.arch, signal);
  try {
    return await adapt(facts, async (adaptation) => {
      const engine = openEngine({ podman, adaptation }, options);
      const sandbox = await Sandbox.create(
        engine,
        { ...TRIAL_SPEC, image: image.name, network: options.network },
        signal,
      );
      await sandbox.remove();
    });
  } finally {
    await image.remove();
  }
}
