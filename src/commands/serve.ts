import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { loadServeConfig } from "../config.ts";
import { serveStdio } from "../mcp/stdio.ts";
import { requireImage } from "./build-image.ts";
import { defineVerb } from "./command.ts";
import { hostOptions, openHost } from "./host.ts";
import { serveArgs } from "./serve-args.ts";
import { overHttp } from "./serve-http.ts";
import { assemble, PRINCIPAL } from "./serve-parts.ts";
import { warnOfUnknownVariables } from "./variables.ts";

/** `podexec serve`: the MCP server, until a signal or, on stdio, the end of input. */
export const serve = defineVerb({
  args: serveArgs(),
  details:
    "SIGINT and SIGTERM remove the sandboxes; with --on-stop keep they and their commands go on, and the next server " +
    "with the same --data-dir takes them over, as it does after a crash.",
  examples: ["podexec serve", "podexec serve --workspace . --port 9000", "podexec serve --transport stdio"],
  async run(context) {
    const { args, environment, log, signal } = context;
    warnOfUnknownVariables(environment, log);
    const { config } = loadServeConfig(args, environment, (path) => readFileSync(path, "utf8"));
    const host = await openHost(hostOptions(config, context));
    const parts = assemble(host, config, log);
    try {
      // What runs already is there again before anything that takes longer.
      if (config.transport === "http") await parts.registry.takeOver();
      await requireImage(host, config, context);
      if (config.transport === "http") return await overHttp(parts, config, { log, signal });
      parts.sweep();
      await serveStdio({ principal: PRINCIPAL, session: randomUUID() }, parts.offer, { signal });
    } catch (error) {
      // A server that cannot start ends nothing of the one before.
      parts.registry.leave();
      throw error;
    } finally {
      await parts.close();
    }
  },
});
