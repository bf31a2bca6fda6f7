import { z } from "zod";
import type { Entry } from "../../sandbox/owners/registry.ts";
import { formatSize } from "../../units.ts";
import { sandboxField } from "../fields.ts";
import { defineTool, type Services } from "../tool.ts";
import { sandboxView, viewOf, lineOf } from "./sandbox-view.ts";

const MAX_ROWS = 50;
const MAX_COMMAND = 200;

const output = sandboxView.extend({
  memory_limit: z.int().describe("Bytes."),
  memory_used: z.int().optional().describe("Bytes that its processes have resident together."),
  cpus: z.number(),
  workspace: z.string().optional().describe("The folder of the server's host that is /workspace."),
  processes: z.int().optional().describe("How many processes run in it."),
  commands: z.array(z.object({ id: z.string(), command: z.string() })).describe("Those that run."),
  ports: z.array(z.object({ port: z.int(), url: z.string() })).describe("Ports that are exposed."),
});

type Info = z.infer<typeof output>;

export const sandboxInfo = defineTool({
  name: "sandbox_info",
  title: "Look at a sandbox",
  description:
    "Tell about a sandbox: its limits and how much of them is used, what runs in it, and when it is removed.",
  input: z.strictObject({ sandbox: sandboxField }),
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, context) {
    const entry = await context.services.registry.info(context.caller, args.sandbox);
    const { memory, cpus, workspace } = entry.sandbox.note;
    const structured: Info = {
      ...viewOf(entry, context),
      memory_limit: memory,
      cpus,
      ...(workspace === undefined ? {} : { workspace }),
      ...(await useOf(entry)),
      commands: commandsOf(entry),
      ports: await portsOf(entry, context.services),
    };
    return { structured, text: toText(structured) };
  },
});

async function useOf({ sandbox }: Entry): Promise<Pick<Info, "processes" | "memory_used">> {
  // What is there is told as far as the sandbox says.
  const all = await sandbox.commands.processes().catch(() => undefined);
  const real = all?.filter(({ pid }) => pid > 0);
  if (!real) return {};
  return { processes: real.length, memory_used: real.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) };
}

/** What runs in it, as far as results tell it. */
export function commandsOf({ sandbox }: Entry): Info["commands"] {
  const running = sandbox.commands.list().filter((command) => command.isRunning);
  return running
    .slice(0, MAX_ROWS)
    .map(({ name, record }) => ({ id: name, command: sandbox.commands.mask.text(record.text).slice(0, MAX_COMMAND) }));
}

async function portsOf({ sandbox }: Entry, { ports }: Services): Promise<Info["ports"]> {
  const exposed = ports.of(sandbox);
  return Promise.all(exposed.map(async (one) => ({ port: one.port, url: (await ports.urlsOf(one)).url })));
}

function toText(info: Info): string {
  const used = info.memory_used === undefined ? "" : `${Math.ceil(info.memory_used / 2 ** 20)}m of `;
  const limits = `memory ${used}${formatSize(info.memory_limit)}, ${info.cpus} cpus, network ${info.network}`;
  const end = info.expires_at === undefined ? "" : `, at ${info.expires_at} in any case`;
  const lines = [lineOf(info), limits, `removed at ${info.idle_until} if nothing runs in it until then${end}`];
  if (info.workspace !== undefined) lines.push(`/workspace is ${info.workspace}`);
  if (info.processes !== undefined) lines.push(info.processes === 1 ? "1 process" : `${info.processes} processes`);
  lines.push(...info.commands.map(({ id, command }) => `${id} runs ${command}`));
  lines.push(...info.ports.map(({ port, url }) => `port ${port} is exposed at ${url}`));
  return lines.join("\n");
}
