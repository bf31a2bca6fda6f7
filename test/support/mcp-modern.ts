/** Requests and clients of MCP 2026-07-28. */
import { Client, StreamableHTTPClientTransport, type VersionNegotiationOptions } from "@modelcontextprotocol/client";
import { request, URL_OF_MCP } from "./mcp-app.ts";

export const MODERN = "2026-07-28";

type Fetch = (request: Request) => Promise<Response>;

/** The envelope of a request. */
export function envelope(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "0" },
    ...more,
  };
}

export interface ModernChanges {
  id?: string | number;
  meta?: Record<string, unknown>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A request as a well-behaved client sends it, but for the changes; an empty header is left out. */
export function modern(method: string, params: Record<string, unknown> = {}, changes: ModernChanges = {}): Request {
  const { id = 1, meta = envelope(), headers = {}, signal } = changes;
  const body = { jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } };
  const name = params["name"] ?? params["uri"];
  const all = {
    "mcp-protocol-version": MODERN,
    "mcp-method": method,
    ...(typeof name === "string" ? { "mcp-name": name } : {}),
    ...headers,
  };
  return request(body, all, signal ? { signal } : {});
}

/** A call of shell_exec. */
export function exec(args: Record<string, unknown>, changes: ModernChanges = {}): Request {
  return modern("tools/call", { name: "shell_exec", arguments: args }, changes);
}

/** The second version of the SDK's client, connected without a socket. */
export async function connectModern(fetch: Fetch, mode?: VersionNegotiationOptions["mode"]): Promise<Client> {
  const transport = new StreamableHTTPClientTransport(new URL(URL_OF_MCP), {
    fetch: async (url, init) => {
      const plain = new Request(String(url), init);
      plain.headers.set("host", "localhost:8000");
      return fetch(plain);
    },
  });
  const client = new Client({ name: "test", version: "0" }, mode ? { versionNegotiation: { mode } } : {});
  await client.connect(transport);
  return client;
}
