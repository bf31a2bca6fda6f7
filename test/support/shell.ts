/** The shell tools as a client has them, for the tests of one file. */
import { afterAll, beforeAll } from "bun:test";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { connect, openApp } from "./mcp-app.ts";

interface Result {
  id: string;
  cursor: number;
  output: string;
  [field: string]: unknown;
}

interface Answer extends Result {
  isError: boolean;
  text: string;
}

/** To be called at the top of a test file: an application, and a client of it, that end with the file's tests. */
export function openShell() {
  const app = openApp({ outputBytes: 4_000 });
  let client: Client;
  beforeAll(async () => {
    ({ client } = await connect(app));
  });
  afterAll(async () => {
    await client.close();
    await app.close();
  });
  const ask = async (name: string, args: Record<string, unknown>): Promise<Answer> => {
    const result = (await client.callTool({ name, arguments: args })) as CallToolResult;
    const text = result.content[0]?.type === "text" ? result.content[0].text : "";
    return { ...(result.structuredContent as unknown as Result), isError: result.isError ?? false, text };
  };
  const run = (command: string, args: Record<string, unknown> = {}) => ask("shell_exec", { command, ...args });
  return { app, ask, run };
}
