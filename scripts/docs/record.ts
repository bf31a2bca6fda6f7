/** `bun scripts/docs/record.ts`: has the conversation of scenario.ts with the built podexec and writes what was said. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { scenario, type Said } from "./scenario.ts";
import { writeTranscripts, type Call } from "./transcripts.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Small, so that the README can show how long output is cut. */
const LIMIT = "1k";
const LIMIT_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "podexec-record-"));
const argv = [join(ROOT, "dist/podexec"), "serve", "--port", "0", "--data-dir", folder, "--output-limit", LIMIT];
const server = Bun.spawn(argv, { stdio: ["ignore", "ignore", "pipe"], timeout: 120_000 });
try {
  writeTranscripts(await converse(await urlOf(server.stderr)));
} finally {
  server.kill("SIGTERM");
  await server.exited;
  rmSync(folder, { recursive: true, force: true });
}

async function converse(url: string): Promise<Call[]> {
  const client = new Client({ name: "podexec-docs", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const said: Record<string, Said[string]> = {};
  const calls: Call[] = [];
  for (const { tool, as, arguments: given } of scenario) {
    const args = typeof given === "function" ? given(said) : given;
    const params = { name: tool, arguments: args };
    const answer = await client.request({ method: "tools/call", params }, CallToolResultSchema, { timeout: LIMIT_MS });
    const text = answer.content.map((block) => (block.type === "text" ? block.text : `(${block.type})`)).join("\n");
    if (!answer.structuredContent) throw new Error(`${tool}: ${text}`);
    if (as) said[as] = answer.structuredContent;
    calls.push({ tool, arguments: args, text });
  }
  await client.close();
  return calls;
}

/** @throws Error with what the server said where it does not listen */
async function urlOf(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let said = "";
  for await (const chunk of stderr) {
    said += decoder.decode(chunk, { stream: true });
    const url = /https?:\/\/\S+\/mcp/.exec(said)?.[0];
    if (url) return url;
  }
  throw new Error(`podexec serve does not listen: ${said}`);
}
