import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import pkg from "../../package.json" with { type: "json" };
import { isLoopback, loadServeConfig } from "../config.ts";
import { PodexecError } from "../errors.ts";
import { createApp } from "../http/app.ts";
import { hostNames, type GatePolicy } from "../http/gates.ts";
import { Sessions } from "../http/sessions.ts";
import type { Log } from "../log.ts";
import { serveStdio } from "../mcp/stdio.ts";
import type { Services } from "../mcp/tool.ts";
import type { ServeConfig } from "../options.ts";
import { listen, type Listener } from "../runtime.ts";
import type { SandboxSpec } from "../sandbox/engine.ts";
import { Pool } from "../sandbox/pool.ts";
import { Registry } from "../sandbox/registry.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { requireImage } from "./build-image.ts";
import { defineVerb, type VerbContext } from "./command.ts";
import { hostOptions, openEngine, openHost } from "./host.ts";
import { serveArgs } from "./serve-args.ts";

/** Bytes that the output files of one sandbox may take together. */
const SPILL_LIMIT = 4 * 1024 ** 3;
/** Without authentication all callers are one; a token is one principal too. */
const PRINCIPAL = "local";

/** `podexec serve`: the MCP server, until a signal or, on stdio, the end of input. */
export const serve = defineVerb({
  args: serveArgs(),
  examples: ["podexec serve", "podexec serve --workspace . --port 9000", "podexec serve --transport stdio"],
  async run(context) {
    const { args, environment, log, signal } = context;
    const { config } = loadServeConfig(args, environment, (path) => readFileSync(path, "utf8"));
    const parts = await assemble(config, context);
    try {
      if (config.transport === "stdio") await overStdio(parts, log, signal);
      else await overHttp(parts, config, log, signal);
    } finally {
      await parts.close();
    }
  },
});

interface Parts {
  services: Services;
  registry: Registry;
  pool: Pool;
  close(): Promise<void>;
}

/** Everything below the transport. Fails before anything listens. */
async function assemble(config: ServeConfig, context: VerbContext): Promise<Parts> {
  const { log } = context;
  const host = await openHost(hostOptions(config, context));
  await requireImage(host, config, context);
  const engine = openEngine(host, { dataFolder: config.dataDir, log, spillLimit: SPILL_LIMIT });
  const spec = sandboxSpec(config);
  const create = (stop: AbortSignal) => Sandbox.create(engine, spec, stop);
  // A stdio process has one session, and must make no sandbox before its first call: one ahead would never be used.
  const pool = new Pool({ size: config.transport === "stdio" ? 0 : config.pool, create, log });
  const registry = new Registry({
    take: () => pool.take(),
    limit: config.maxSessions,
    idleMs: config.idleTimeout,
    log,
  });
  const limits = { timeoutMs: config.timeout, outputBytes: config.outputLimit };
  const sweeping = engine.sweep().then(
    (removed) => removed.length > 0 && log.info(`removed ${removed.length} sandboxes that a server left behind`),
    (error: unknown) => log.warn(`sandboxes of other servers could not be swept: ${String(error)}`),
  );
  const close = async () => {
    await Promise.allSettled([registry.close(), pool.close(), sweeping]);
  };
  return { services: { registry, limits }, registry, pool, close };
}

async function overStdio(parts: Parts, log: Log, signal: AbortSignal): Promise<void> {
  const caller = { principal: PRINCIPAL, session: randomUUID() };
  await serveStdio(caller, { version: pkg.version, services: parts.services, log }, signal);
}

async function overHttp(parts: Parts, config: ServeConfig, log: Log, signal: AbortSignal): Promise<void> {
  const sessions = new Sessions({
    mcp: { version: pkg.version, services: parts.services, log },
    limit: config.maxSessions,
    idleMs: config.idleTimeout,
    log,
    isBusy: (session) => parts.registry.isBusy(session),
    onEnded: (session) => parts.registry.endSession(session),
  });
  const fetch = createApp({ policy: gatePolicy(config), sessions, log, principalOf: () => PRINCIPAL });
  const listener = open(config, fetch);
  if (config.insecure && !isLoopback(config.host)) {
    log.warn(`--insecure: whoever reaches ${config.host}:${listener.port} can run commands in sandboxes`);
  }
  log.info(`podexec ${pkg.version} serves MCP at http://${config.host}:${listener.port}/mcp`);
  parts.pool.fill();
  try {
    await aborted(signal);
    log.info("stopping: sandboxes are removed");
  } finally {
    await listener.stop();
    await sessions.close();
  }
}

function open(config: ServeConfig, fetch: (request: Request) => Promise<Response>): Listener {
  try {
    return listen({ hostname: config.host, port: config.port, fetch });
  } catch (cause) {
    const { code } = cause as { code?: string };
    const taken = code === "EADDRINUSE" || (cause instanceof Error && cause.name === "AddrInUse");
    const place = `${config.host}:${config.port}`;
    if (!taken) {
      const next = "--host takes an address of this machine, --port one that this user may use.";
      throw new PodexecError("INVALID_CONFIG", `cannot listen on ${place}: ${String(cause)}`, { hint: next, cause });
    }
    const hint = "Stop what listens there, or choose another port with --port (0 takes a free one).";
    throw new PodexecError("PORT_IN_USE", `port ${config.port} of ${config.host} is in use`, { hint, cause });
  }
}

function sandboxSpec(config: ServeConfig): SandboxSpec {
  return {
    image: config.image,
    network: config.network,
    memory: config.memory,
    cpus: config.cpus,
    pids: config.pidsLimit,
    ...(config.disk === undefined ? {} : { disk: config.disk }),
    ...(config.workspace === undefined ? {} : { workspace: config.workspace }),
    env: config.env,
    leaseMs: config.lease,
  };
}

function gatePolicy(config: ServeConfig): GatePolicy {
  // Whoever may listen on all addresses has a token; its clients use names that podexec cannot know.
  const anyHost = !isLoopback(config.host) && config.token !== undefined;
  return {
    hosts: hostNames(["localhost", "127.0.0.1", "::1", config.host, ...config.allowHost]),
    anyHost,
    origins: new Set(config.allowOrigin),
    token: config.token,
    bodyLimit: config.bodyLimit,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
