/** MCP over this process's standard streams, ended properly whatever the client does. */
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { createMcpServer, type McpOptions } from "./server.ts";
import type { Caller } from "../sandbox/registry.ts";

/**
 * Serves one client until it goes away or the signal ends it.
 *
 * @param signal ends the service, for example on SIGTERM
 */
export async function serveStdio(caller: Caller, options: McpOptions, signal: AbortSignal): Promise<void> {
  const server = createMcpServer(caller, options);
  const ended = new Promise<void>((resolve) => {
    // The SDK's transport sees neither the end of input nor a reader that is gone.
    process.stdin.once("end", resolve);
    process.stdin.once("close", resolve);
    process.stdout.on("error", () => resolve());
    server.onclose = () => resolve();
    server.onerror = (error) => options.log.debug(`stdio: ${error.message}`);
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await server.connect(new StdioServerTransport());
  await ended;
  await server.close();
}
