/** Exposed ports of sandboxes on the server's own listener; a server on stdio begins to listen with the first one. */
import { createPortHandler } from "../http/ports/ports.ts";
import { createPortUpgrade } from "../http/ports/websocket.ts";
import { hostNames, type GatePolicy } from "../http/gates.ts";
import type { Log } from "../log.ts";
import type { ServeConfig } from "../options.ts";
import { listen, type Listener } from "../runtime.ts";
import type { Notes } from "../sandbox/note.ts";
import { Ports } from "../sandbox/ports.ts";
import type { Registry } from "../sandbox/owners/registry.ts";

const LOOPBACK = "127.0.0.1";

export interface OpenPorts {
  ports: Ports;
  /** Says where the server listens, as soon as it does. */
  listensAt(place: { host: string; port: number }): void;
  close(): Promise<void>;
}

interface PortsParts {
  notes: Notes;
  registry: Registry;
  log: Log;
}

/** The table of exposed ports. */
export function openPorts(config: ServeConfig, { notes, registry, log }: PortsParts): OpenPorts {
  const { promise, resolve } = Promise.withResolvers<{ host: string; port: number }>();
  let own: Listener | undefined;
  const place = async () => {
    if (config.transport === "http") return promise;
    own ??= listenAlone(ports, config, log);
    return { host: LOOPBACK, port: own.port };
  };
  const ports = new Ports({
    derive: (words) => notes.derive(words),
    place,
    sandboxes: () => registry.sandboxes(),
    keep: (sandbox, numbers) =>
      registry
        .sandboxes()
        .find((one) => one === sandbox)
        ?.keep(notes, { ports: numbers }),
  });
  return { ports, listensAt: resolve, close: async () => own?.stop() };
}

function listenAlone(ports: Ports, config: ServeConfig, log: Log): Listener {
  const hosts = hostNames(["localhost", LOOPBACK, "::1"]);
  const { bodyLimit } = config;
  const policy: GatePolicy = { hosts, anyHost: false, origins: new Set(), token: undefined, bodyLimit };
  const options = { ports, policy, log };
  const [fetch, upgrade] = [createPortHandler(options), createPortUpgrade(options)];
  return listen({ hostname: LOOPBACK, port: 0, fetch, upgrade });
}
