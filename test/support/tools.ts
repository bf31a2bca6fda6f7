/** Any tool, as the SDK's client calls it. */
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import type { Connected } from "./mcp-client.ts";

export interface ToolResult {
  isError: boolean;
  text: string;
  /** Empty where podexec itself failed. */
  structured: Record<string, unknown>;
}

/** Calls a tool. @throws McpError where the protocol fails */
export async function callTool(
  { client }: Pick<Connected, "client">,
  name: string,
  args: Record<string, unknown> = {},
): Promise<ToolResult> {
  const request = { method: "tools/call" as const, params: { name, arguments: args } };
  const answer = await client.request(request, CallToolResultSchema, { timeout: 50_000 });
  const text = answer.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  return { isError: answer.isError === true, text, structured: answer.structuredContent ?? {} };
}
