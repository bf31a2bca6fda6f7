/** The MCP SDK's client, as agents use it. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const CALL_LIMIT_MS = 120_000;

/** One conversation with podexec. */
export interface Session {
  /** Runs a command that has to succeed and answers its output. @throws Error with what came instead */
  exec(command: string): Promise<string>;
  /** Ends the session, and with it its sandbox. */
  close(): Promise<void>;
}

/** A session over HTTP with connections kept alive. */
export async function openHttp(url: string): Promise<Session> {
  const transport = new StreamableHTTPClientTransport(new URL(url));
  const client = newClient();
  await client.connect(transport);
  await client.listTools();
  const close = async () => {
    await transport.terminateSession();
    await client.close();
  };
  return { exec: (command) => exec(client, command), close };
}

/** A session with a podexec of its own, over its standard streams. */
export async function openStdio(argv: readonly [string, ...string[]], env: Record<string, string>): Promise<Session> {
  const [command, ...args] = argv;
  const client = newClient();
  await client.connect(new StdioClientTransport({ command, args, env, stderr: "ignore" }));
  await client.listTools();
  return { exec: (text) => exec(client, text), close: () => client.close() };
}

function newClient(): Client {
  return new Client({ name: "podexec-bench", version: "1" });
}

async function exec(client: Client, command: string): Promise<string> {
  const call = { name: "shell_exec", arguments: { command } };
  const result = await client.callTool(call, undefined, { timeout: CALL_LIMIT_MS });
  const { output, retval } = (result.structuredContent ?? {}) as { output?: string; retval?: number | null };
  if (retval !== 0 || output === undefined) throw new Error(`${command}: ${JSON.stringify(result).slice(0, 400)}`);
  return output;
}
