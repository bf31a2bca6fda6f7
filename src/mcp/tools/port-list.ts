import { z } from "zod";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { sandboxField } from "../fields.ts";
import { defineTool, type Services, type ToolContext } from "../tool.ts";

const input = z.strictObject({ sandbox: sandboxField });

const exposedPort = z.object({
  port: z.int(),
  url: z.string(),
  path_url: z.string(),
  listening: z.boolean().describe("Whether something listens on it now."),
  connections: z.int().describe("Connections that are open through the URL."),
  sandbox: z.string(),
});

const output = z.object({
  exposed: z.array(exposedPort).describe("Ports that have a URL."),
  listening: z
    .array(z.object({ port: z.int(), address: z.string(), pid: z.int(), command: z.string(), sandbox: z.string() }))
    .describe("What listens in the sandboxes and has no URL; port_expose gives it one."),
});

type Listed = z.infer<typeof output>;

/** Sandboxes that are asked for what listens in them. */
const MAX_SANDBOXES = 20;
const MAX_LISTENING = 100;
const MAX_COMMAND = 200;

export const portList = defineTool({
  name: "port_list",
  title: "List ports",
  description:
    "List the exposed ports of a sandbox with their URLs, and what else listens in it. Without `sandbox`: of all your " +
    "sandboxes.",
  input,
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, context) {
    const sandboxes = await chosen(args.sandbox, context);
    const lists = await Promise.all(sandboxes.map((sandbox) => listOf(sandbox, context.services)));
    const structured = {
      exposed: lists.flatMap(({ exposed }) => exposed),
      listening: lists.flatMap(({ listening }) => listening).slice(0, MAX_LISTENING),
    };
    return { structured, text: textOf(structured) };
  },
});

async function chosen(handle: string | undefined, { caller, services }: ToolContext): Promise<Sandbox[]> {
  if (handle !== undefined) return [(await services.registry.info(caller, handle)).sandbox];
  const all = services.registry.list(caller).map(({ sandbox }) => sandbox);
  return all.filter(({ gone }) => gone === undefined).slice(-MAX_SANDBOXES);
}

async function listOf(sandbox: Sandbox, { ports }: Services): Promise<Listed> {
  const exposed = ports.of(sandbox);
  const numbers = new Set(exposed.map(({ port }) => port));
  // What listens is told as far as the sandbox says: the URLs are there without.
  const processes = await sandbox.commands.processes().catch(() => []);
  const listeners = processes.flatMap(({ pid, commandLine, listening }) =>
    listening.map((address) => ({ pid, address, port: portOf(address), command: printable(commandLine) })),
  );
  const rows = exposed.map(async (one) => {
    const [{ url, pathUrl }, listening] = await Promise.all([ports.urlsOf(one), one.isListening()]);
    const { port, connections } = one;
    return { port, url, path_url: pathUrl, listening, connections, sandbox: sandbox.handle };
  });
  return {
    exposed: await Promise.all(rows),
    listening: listeners
      .filter(({ port }) => port > 0 && !numbers.has(port))
      .map((listener) => ({ ...listener, sandbox: sandbox.handle })),
  };
}

/** A process chooses what it is called: nothing of that may look like a line of the result. */
function printable(command: string): string {
  return command.replace(/\p{C}/gu, "?").slice(0, MAX_COMMAND);
}

function portOf(address: string): number {
  return Number(/:(\d{1,5})$/.exec(address)?.[1] ?? 0);
}

function textOf({ exposed, listening }: Listed): string {
  const lines = exposed.map(({ port, url, listening: isUp, sandbox }) => {
    return `${port} ${url} (${isUp ? "listening" : "nothing listens"}, ${sandbox})`;
  });
  const others = listening.map(({ address, pid, command, sandbox }) => {
    return `${address} not exposed: ${pid} ${command} (${sandbox})`;
  });
  return [...lines, ...others].join("\n") || "No port is exposed, and nothing listens.";
}
