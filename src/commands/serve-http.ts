/** `podexec serve` over HTTP: listening, and the order in which it ends. */
import pkg from "../../package.json" with { type: "json" };
import { isLoopback } from "../config.ts";
import { PodexecError } from "../errors.ts";
import { createApp } from "../http/app.ts";
import { hostNames, type GatePolicy } from "../http/gates.ts";
import { ModernEndpoint } from "../http/modern.ts";
import { createPortHandler } from "../http/ports/ports.ts";
import { isPortRequest } from "../http/ports/address.ts";
import { createPortUpgrade } from "../http/ports/websocket.ts";
import { Sessions } from "../http/sessions.ts";
import type { Log } from "../log.ts";
import type { ServeConfig } from "../options.ts";
import { listen, type Listener, type ListenOptions } from "../runtime.ts";
import { PRINCIPAL, type Parts } from "./serve-parts.ts";

/** Serves until the signal. @throws PodexecError PORT_IN_USE, INVALID_CONFIG */
export async function overHttp(
  parts: Parts,
  config: ServeConfig,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<void> {
  const { registry, offer } = parts;
  const sessions = new Sessions({
    offer,
    limit: config.maxSessions,
    idleMs: config.idleTimeout,
    log,
    isBusy: (session) => registry.isBusy(session),
    onEnded: (session) => registry.endSession(session),
  });
  const modern = new ModernEndpoint(offer);
  const listener = open(config, handlers(parts, config, { sessions, modern, log }));
  parts.ports.listensAt({ host: config.host, port: listener.port });
  if (config.insecure && !isLoopback(config.host)) {
    log.warn(`--insecure: whoever reaches ${config.host}:${listener.port} can run commands in sandboxes`);
  }
  log.info(`podexec ${pkg.version} serves MCP at http://${config.host}:${listener.port}/mcp`);
  parts.pool.fill();
  parts.sweep();
  await aborted(signal);
  log.info(config.onStop === "keep" ? "stopping: sandboxes are kept" : "stopping: sandboxes are removed");
  // The end of a connection cancels what its client waits for: what is kept has to be out of reach before.
  if (config.onStop === "keep") registry.leave();
  // Whoever listens is told that this is the end, while it can be told.
  await modern.close();
  await listener.stop();
  await sessions.close();
}

function handlers(
  parts: Parts,
  config: ServeConfig,
  { sessions, modern, log }: { sessions: Sessions; modern: ModernEndpoint; log: Log },
): Pick<ListenOptions, "fetch" | "upgrade"> {
  const policy = gatePolicy(config);
  const app = createApp({ policy, sessions, modern, log, principalOf: () => PRINCIPAL });
  const exposed = { ports: parts.ports.ports, policy, log };
  const toPort = createPortHandler(exposed);
  return {
    fetch: (request) => (isPortRequest(request) ? toPort(request) : app(request)),
    upgrade: createPortUpgrade(exposed),
  };
}

function open(config: ServeConfig, { fetch, upgrade }: Pick<ListenOptions, "fetch" | "upgrade">): Listener {
  try {
    return listen({ hostname: config.host, port: config.port, fetch, ...(upgrade ? { upgrade } : {}) });
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
