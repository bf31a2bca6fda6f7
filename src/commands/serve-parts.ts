/** What a server is made of below its transport. */
import pkg from "../../package.json" with { type: "json" };
import type { Log } from "../log.ts";
import { createOffer, type Offer } from "../mcp/offer.ts";
import type { ServeConfig } from "../options.ts";
import { PodmanManager } from "../podman/manage/manager.ts";
import type { Engine, SandboxSpec } from "../sandbox/engine.ts";
import { requireMounted } from "../sandbox/owners/host-folder.ts";
import { openNotes, type Notes } from "../sandbox/note.ts";
import { Pool } from "../sandbox/owners/pool.ts";
import type { Ports } from "../sandbox/ports.ts";
import { Registry } from "../sandbox/owners/registry.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { secretValues } from "../sandbox/output/secret-values.ts";
import { specFor, type Wish } from "../sandbox/owners/wishes.ts";
import { openEngine, type Host } from "./host.ts";
import { specOf } from "./sandbox.ts";
import { openPorts, type OpenPorts } from "./serve-ports.ts";

/** Bytes that the output files of one sandbox may take together. */
const SPILL_LIMIT = 4 * 1024 ** 3;
/** Without authentication all callers are one; a token is one principal too. */
export const PRINCIPAL = "local";

export interface Parts {
  offer: Offer;
  registry: Registry;
  pool: Pool;
  ports: OpenPorts;
  /** Removes what servers that are gone left behind and what runs no more, in the background. */
  sweep(): void;
  /** Removes all that is not left to another server. */
  close(): Promise<void>;
}

/** Everything below the transport. Makes no sandbox yet. */
export function assemble(host: Host, config: ServeConfig, log: Log): Parts {
  const kind = config.transport;
  const engine = openEngine(host, { dataFolder: config.dataDir, log, spillLimit: SPILL_LIMIT, kind });
  const notes = openNotes(config.dataDir);
  const stopping = new AbortController();
  const create = (spec: SandboxSpec, stop: AbortSignal) => createNoted(engine, { spec, notes, stop });
  const pool = new Pool({
    // A stdio process has one session, and must make no sandbox before its first call: one ahead would never be used.
    size: kind === "stdio" ? 0 : config.pool,
    create: (stop) => create(specOf(config), stop),
    log,
  });
  const registry = new Registry({
    engine,
    notes,
    take: () => pool.take(),
    make: async (wish) => create(wishedSpec(wish, config), stopping.signal),
    ...limitsOf(config),
    log,
  });
  const ports = openPorts(config, { notes, registry, log });
  const services = { ...servicesOf(registry, ports.ports, config), ...managerFor(host, config) };
  const sweeping: Promise<unknown>[] = [];
  return {
    offer: createOffer({ version: pkg.version, services, selection: config, log }),
    registry,
    pool,
    ports,
    sweep: () => void sweeping.push(sweep(engine, log)),
    async close() {
      stopping.abort();
      await Promise.allSettled([registry.close(), pool.close(), ports.close(), ...sweeping]);
    },
  };
}

function servicesOf(registry: Registry, ports: Ports, config: ServeConfig): Offer["services"] {
  const limits = { timeoutMs: config.timeout, outputBytes: config.outputLimit };
  return { registry, ports, limits, secrets: secretValues(config.env) };
}

/** Podman for the tools of the toolset `podman`, where any of them may be offered. */
function managerFor({ podman, adaptation }: Host, config: ServeConfig): { podman?: PodmanManager } {
  const isOn = config.tools.some((name) => name.startsWith("podman_")) || config.toolsets.includes("podman");
  if (!isOn) return {};
  const policy = {
    ownOnly: config.ownOnly,
    mounts: config.allowMount,
    privileged: config.allowPrivileged,
    hostNamespaces: config.allowHostNamespaces,
    capabilities: config.allowCap,
    devices: config.allowDevice,
  };
  const { outputLimit: outputBytes, composeProvider } = config;
  return { podman: new PodmanManager({ podman, adaptation, policy, outputBytes, composeProvider }) };
}

/** A sandbox whose agent can say from the first moment whose data folder it belongs to. */
async function createNoted(
  engine: Engine,
  { spec, notes, stop }: { spec: SandboxSpec; notes: Notes; stop: AbortSignal },
): Promise<Sandbox> {
  const sandbox = await Sandbox.create(engine, spec, stop);
  if (spec.workspace?.identity) await requireMounted(sandbox, spec.workspace.identity);
  sandbox.keep(notes, {});
  return sandbox;
}

function wishedSpec(wish: Wish, config: ServeConfig): SandboxSpec {
  return specFor(wish, specOf(config), {
    maxMemory: config.maxMemory,
    maxCpus: config.maxCpus,
    images: config.allowImage,
    workspaces: config.allowWorkspace,
  });
}

function limitsOf(config: ServeConfig) {
  return {
    limit: config.maxSandboxes,
    limitPerPrincipal: config.maxSandboxesPerPrincipal ?? config.maxSandboxes,
    idleMs: config.idleTimeout,
    lingerMs: config.linger,
    lifetimeMs: config.lifetime,
  };
}

async function sweep(engine: Engine, log: Log): Promise<void> {
  try {
    const removed = await engine.sweep();
    if (removed.length > 0) log.info(`removed ${removed.length} sandboxes that a server left behind`);
  } catch (error) {
    log.warn(`sandboxes of other servers could not be swept: ${String(error)}`);
  }
}
