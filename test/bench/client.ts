/** The MCP SDK's client, as agents use it. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const CALL_LIMIT_MS = 120_000;

/** A tool's structured result. */
export type Result = Readonly<Record<string, unknown>>;

/** One conversation with podexec. */
export interface Session {
  /** Runs a command that has to succeed and answers its output. @throws Error with what came instead */
  exec(command: string): Promise<string>;
  /** Calls any tool. @throws Error with what it said where it failed */
  call(tool: string, args: Result): Promise<Result>;
  /** Ends the session, and with it its sandbox. */
  close(): Promise<void>;
}

/**
 * A session over HTTP with connections kept alive.
 *
 * @param onSandbox hears the handle that each result names
 */
export async function openHttp(url: string, onSandbox: (handle: string) => void = () => {}): Promise<Session> {
  const transport = new StreamableHTTPClientTransport(new URL(url));
  const client = newClient();
  await client.connect(transport);
  await client.listTools();
  const close = async () => {
    await transport.terminateSession();
    await client.close();
  };
  const calling = async (tool: string, args: Result) => {
    const result = await call(client, tool, args);
    if (typeof result["sandbox"] === "string") onSandbox(result["sandbox"]);
    return result;
  };
  return { call: calling, exec: (command) => exec(calling, command), close };
}

/** A session with a podexec of its own, over its standard streams. */
export async function openStdio(argv: readonly [string, ...string[]], env: Record<string, string>): Promise<Session> {
  const [command, ...args] = argv;
  const client = newClient();
  await client.connect(new StdioClientTransport({ command, args, env, stderr: "ignore" }));
  await client.listTools();
  const calling = (tool: string, input: Result) => call(client, tool, input);
  return { call: calling, exec: (text) => exec(calling, text), close: () => client.close() };
}

function newClient(): Client {
  return new Client({ name: "podexec-bench", version: "1" });
}

async function call(client: Client, name: string, args: Result): Promise<Result> {
  const result = await client.callTool({ name, arguments: args }, undefined, { timeout: CALL_LIMIT_MS });
  if (result.isError === true) throw new Error(`${name}: ${JSON.stringify(result.content).slice(0, 400)}`);
  return (result.structuredContent ?? {}) as Result;
}

async function exec(calling: Session["call"], command: string): Promise<string> {
  const result = await calling("shell_exec", { command });
  const { output, retval } = result;
  if (retval === 0 && typeof output === "string") return output;
  throw new Error(`${command}: ${JSON.stringify(result).slice(0, 400)}`);
}
