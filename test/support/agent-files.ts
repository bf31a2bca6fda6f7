/** Files and watches of an agent that was started by the harness, in any of its builds. */
import { connectUnix } from "../../src/podman/socket.ts";
import type { Connection, ConnectionHandlers, Engine } from "../../src/sandbox/engine.ts";
import { Files } from "../../src/sandbox/files/files.ts";
import { openStream } from "../../src/sandbox/agent/stream.ts";
import { Watches } from "../../src/sandbox/files/watch.ts";
import { startAgent, type AgentOptions } from "./agent-harness.ts";

/** An agent with its files; `await using` ends it, and fails where a sanitizer complained. */
export async function startFiles(options: AgentOptions = {}) {
  const agent = await startAgent(options);
  const engine = { connect: (_: unknown, handlers: ConnectionHandlers) => connectUnix(agent.socket, handlers) };
  const connections: Connection[] = [];
  const open = async (to: "files" | "watch", handlers: ConnectionHandlers) => {
    const connection = await openStream(engine as unknown as Engine, { name: "test" }, { to }, handlers);
    connections.push(connection);
    return connection;
  };
  return {
    agent,
    files: new Files(open),
    watches: new Watches(open),
    /** Every connection that was opened, in order. */
    connections,
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      await agent[Symbol.asyncDispose]();
    },
  };
}
