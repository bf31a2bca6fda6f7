/** Registries on real agents without containers: several on one folder are several servers. */
import { randomBytes } from "node:crypto";
import { Notes } from "../../src/sandbox/note.ts";
import { Registry, type Caller } from "../../src/sandbox/owners/registry.ts";
import type { KeeperOptions } from "../../src/sandbox/owners/keeper.ts";
import type { SandboxSpec } from "../../src/sandbox/engine.ts";
import { Sandbox } from "../../src/sandbox/sandbox.ts";
import { HostEngine } from "./host-engine.ts";
import { quiet } from "./sandboxes.ts";

const spec: SandboxSpec = { image: "host", network: "none", memory: 1, cpus: 1, pids: 1, env: {}, leaseMs: 30_000 };

export const ANN: Caller = { principal: "ann", session: "a" };
export const BOB: Caller = { principal: "bob", session: "b" };

export interface Server {
  engine: HostEngine;
  registry: Registry;
}

/** Servers of one data folder. */
export function dataFolder() {
  const first = new HostEngine();
  const notes = new Notes(randomBytes(32));
  const servers: Server[] = [];
  return {
    notes,
    /** A server with these options, otherwise without limits that matter. */
    open(changes: Partial<KeeperOptions> = {}): Server {
      const engine = servers.length === 0 ? first : new HostEngine(first.folder);
      const make = () => Sandbox.create(engine, spec);
      const limits = { limit: 99, limitPerPrincipal: 99 };
      const lives = { idleMs: 60_000, lingerMs: 60_000, lifetimeMs: 3_600_000 };
      const registry = new Registry({ engine, notes, take: make, make, ...limits, ...lives, log: quiet, ...changes });
      const server = { engine, registry };
      servers.push(server);
      return server;
    },
    /** As SIGKILL would: its connections end and nothing is removed. */
    kill({ engine, registry }: Server): void {
      registry.leave();
      engine.abandon();
    },
    async close(): Promise<void> {
      for (const { registry } of servers) registry.leave();
      await first.close();
    },
  };
}

/** The codes with which promises fail, in order; what succeeds counts as `ok`. */
export async function codesOf(...promises: Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((result) => (result.status === "rejected" ? String(result.reason.code) : "ok"));
}
