/** The host engine with connections that can be cut, as those to a remote Podman are when their relay dies. */
import type { Connection, ConnectionHandlers, SandboxRef } from "../../src/sandbox/engine.ts";
import { HostEngine } from "./host-engine.ts";

export class CutEngine extends HostEngine {
  /** Connections that were opened so far. */
  connections = 0;
  /** Nothing that is sent arrives any more. */
  isDeaf = false;
  /** No connection can be opened until then, as `performance.now()`. */
  downUntil = 0;
  readonly #open = new Set<Connection>();

  override async connect(ref: SandboxRef, handlers: ConnectionHandlers): Promise<Connection> {
    if (performance.now() < this.downUntil) throw new Error("the network is down");
    const connection = await super.connect(ref, handlers);
    this.connections++;
    this.#open.add(connection);
    return { ...connection, send: (bytes) => this.isDeaf || connection.send(bytes) };
  }

  /** Ends all connections. @param downMs milliseconds for which there is no other one */
  cut(downMs = 0): void {
    this.isDeaf = false;
    this.downUntil = performance.now() + downMs;
    for (const connection of this.#open) connection.close();
    this.#open.clear();
  }
}
