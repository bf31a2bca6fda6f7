/** The SDK's own client, as agents use it. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { RequestOptions } from "@modelcontextprotocol/sdk/shared/protocol.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { executable } from "./executable.ts";
import { plainEnvironment } from "./run.ts";
import { serveArguments } from "./served.ts";

/** What shell_exec answers. */
export interface Result {
  output: string;
  retval: number | null;
  why: string;
  signal?: string;
  message?: string;
  duration_ms: number;
  total_bytes: number;
  truncated: boolean;
  output_file?: string;
  killed: number;
  survivors: number;
  processes_left: { pid: number; command: string }[];
  processes_left_count: number;
  sandbox: string;
  note?: string;
}

export interface Answer {
  isError: boolean;
  text: string;
  /** Empty where podexec itself failed. */
  result: Result;
}

export interface Connected {
  client: Client;
  transport: StreamableHTTPClientTransport | StdioClientTransport;
  close(): Promise<void>;
}

const REQUEST_LIMIT_MS = 50_000;

/** A session over HTTP; `close` ends it with DELETE. */
export async function connectHttp(url: string, headers: Record<string, string> = {}): Promise<Connected> {
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  const close = async () => {
    await transport.terminateSession();
    await client.close();
  };
  return { client, transport, close };
}

export interface StdioOptions {
  program?: readonly string[];
  cwd?: string;
  onStderr?: (text: string) => void;
}

/** A process of its own over stdio; `close` ends it with the end of its input. */
export async function connectStdio(args: readonly string[] = [], options: StdioOptions = {}): Promise<Connected> {
  const [command = "", ...words] = options.program ?? [executable()];
  const transport = new StdioClientTransport({
    command,
    args: [...words, ...serveArguments(["--transport", "stdio", ...args])],
    env: plainEnvironment(),
    stderr: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  transport.stderr?.on("data", (chunk: Buffer) => options.onStderr?.(chunk.toString()));
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  return { client, transport, close: () => client.close() };
}

/** Calls shell_exec. @throws McpError where the protocol fails */
export async function shellExec(
  { client }: Pick<Connected, "client">,
  args: { command: string } & Record<string, unknown>,
  options: RequestOptions = {},
): Promise<Answer> {
  const request = { method: "tools/call" as const, params: { name: "shell_exec", arguments: args } };
  const answer = await client.request(request, CallToolResultSchema, { timeout: REQUEST_LIMIT_MS, ...options });
  const text = answer.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  return { isError: answer.isError === true, text, result: (answer.structuredContent ?? {}) as unknown as Result };
}

/** The result of a command that podexec could run. */
export async function exec(
  connected: Pick<Connected, "client">,
  command: string,
  more: Record<string, unknown> = {},
  options: RequestOptions = {},
): Promise<Result> {
  const { result, text } = await shellExec(connected, { command, ...more }, options);
  if (result.why === undefined) throw new Error(text);
  return result;
}
