import { z } from "zod";
import { sandboxField } from "../fields.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  port: z.int().min(1).max(65_535).describe("The TCP port that a program in the sandbox listens on."),
  sandbox: sandboxField,
});

const output = z.object({
  url: z.string().describe("For browsers: an origin of its own, so absolute paths, cookies and hot reload work."),
  path_url: z.string().describe("For programs such as curl, where names below `localhost` do not resolve."),
  port: z.int(),
  listening: z.boolean().describe("Whether something listens on the port now. If not, start it: the URL stays."),
  sandbox: z.string().describe("The handle of the sandbox."),
});

export const portExpose = defineTool({
  name: "port_expose",
  title: "Expose a port",
  description:
    "Make a TCP port of the sandbox reachable from the user's machine by HTTP and WebSocket, and get its URL: for web " +
    "pages, APIs and dev servers with hot reload. Start the server in the background first, on 127.0.0.1 or any other " +
    "address. The connection goes through podexec itself, so it works without a network too. Whoever knows the URL " +
    "may use it: no other authentication is asked for. The same port gives the same URL again. port_close ends it.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  async run(args, { caller, services }) {
    const { sandbox } = await services.registry.info(caller, args.sandbox);
    const exposed = services.ports.expose(sandbox, args.port);
    const [{ url, pathUrl }, listening] = await Promise.all([services.ports.urlsOf(exposed), exposed.isListening()]);
    const structured = {
      url,
      path_url: pathUrl,
      port: args.port,
      listening,
      sandbox: sandbox.handle,
    };
    return { structured, text: textOf(structured) };
  },
});

function textOf({ url, path_url: pathUrl, port, listening }: z.infer<typeof output>): string {
  const lines = [`Port ${port} is at ${url}`, `For programs, without a browser: ${pathUrl}`];
  if (!listening) lines.push(`Nothing listens on port ${port} yet: start it, and the URL answers.`);
  return lines.join("\n");
}
