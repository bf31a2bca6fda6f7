import { z } from "zod";
import type { Command } from "../../sandbox/commands/command.ts";
import { commandName } from "../../sandbox/commands/command-record.ts";
import type { Listed, Process } from "../../sandbox/agent/frames-answers.ts";
import type { Mask } from "../../sandbox/output/mask.ts";
import { printable } from "../../sandbox/commands/outcome.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { sandboxField } from "../fields.ts";
import { defineTool } from "../tool.ts";

const MAX_COMMANDS = 64;
const MAX_PROCESSES = 100;
const MAX_LINE = 300;

const input = z.strictObject({
  sandbox: sandboxField,
});

const output = z.object({
  commands: z
    .array(
      z.object({
        id: z.string(),
        command: z.string(),
        state: z.enum(["running", "finished", "finished with processes left"]),
        retval: z.int().nullable().optional(),
        background: z.boolean().describe("Started with `background: true`."),
        tty: z.boolean(),
        age_ms: z.number(),
        total_bytes: z.int().describe("Bytes of output so far."),
      }),
    )
    .describe("The newest first; at most 64, those that run before all others."),
  commands_count: z.int(),
  processes: z
    .array(
      z.object({
        pid: z.int().describe("0 where it cannot be told."),
        command_line: z.string(),
        id: z.string().optional().describe("The command that started it: its output is in that command's log."),
        cpu_ms: z.number().describe("User and system time so far."),
        memory_bytes: z.int(),
        age_ms: z.number(),
        listening: z.array(z.string()).describe("Addresses it listens on."),
      }),
    )
    .describe("What runs in the sandbox now, at most 100; those of commands before all others."),
  processes_count: z.int(),
  sandbox: z.string(),
});

type Structured = z.infer<typeof output>;

export const shellList = defineTool({
  name: "shell_list",
  title: "List commands and processes",
  description:
    "What runs in the sandbox, and what ran: commands with their ids, and all processes with command line, CPU time, " +
    "memory and the addresses they listen on. A process's `id` names the command whose log it writes: shell_wait or " +
    "shell_output read it, shell_kill ends it.",
  input,
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, context) {
    const { caller, services } = context;
    const { sandbox } = await services.registry.info(caller, args.sandbox);
    sandbox.commands.hide(services.secrets ?? []);
    const structured = await describe(sandbox);
    return { structured, text: toText(structured) };
  },
});

async function describe(sandbox: Sandbox): Promise<Structured> {
  const { commands } = sandbox;
  const [listed, processes] = await Promise.all([commands.recover(), commands.processes()]);
  const all = commands.list().toReversed();
  const shown = [...all.filter((each) => each.isRunning), ...all.filter((each) => !each.isRunning)];
  return {
    commands: shown
      .slice(0, MAX_COMMANDS)
      .map((command) => describeCommand(command, listed.get(command.id), commands.mask)),
    commands_count: all.length,
    processes: processes
      .toSorted((a, b) => Number(b.command > 0n) - Number(a.command > 0n))
      .slice(0, MAX_PROCESSES)
      .map((process) => describeProcess(process, commands.mask)),
    processes_count: processes.length,
    sandbox: sandbox.handle,
  };
}

function describeCommand(command: Command, listed: Listed | undefined, mask: Mask): Structured["commands"][number] {
  const { ending } = command;
  return {
    id: command.name,
    command: line(command.record.text, mask),
    state: listed?.state ?? (command.isRunning ? "running" : "finished"),
    ...(ending ? { retval: ending.retval } : {}),
    background: command.record.isBackground,
    tty: command.record.terminal !== undefined,
    age_ms: command.ageMs,
    total_bytes: listed?.total ?? command.output.total,
  };
}

function describeProcess(process: Process, mask: Mask): Structured["processes"][number] {
  return {
    pid: process.pid,
    command_line: line(process.commandLine, mask),
    ...(process.command === 0n ? {} : { id: commandName(process.command) }),
    cpu_ms: process.cpuMs,
    memory_bytes: process.memoryBytes,
    age_ms: process.ageMs,
    listening: process.listening.map((address) => printable(address).slice(0, 100)),
  };
}

function line(text: string, mask: Mask): string {
  const masked = printable(mask.text(text).replaceAll("\n", " "));
  return masked.length <= MAX_LINE ? masked : `${masked.slice(0, MAX_LINE)}...`;
}

function toText({ commands, commands_count, processes }: Structured): string {
  const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
  const started = commands.map(
    ({ id, state, retval, age_ms, total_bytes, command }) =>
      `${id}  ${state}${retval === undefined ? "" : ` (${retval})`}, ${seconds(age_ms)} ago, ${total_bytes} bytes: ${command}`,
  );
  const running = processes.map(({ pid, id, cpu_ms, memory_bytes, listening, command_line }) => {
    const ports = listening.length > 0 ? `, listens on ${listening.join(" ")}` : "";
    const usage = `CPU ${seconds(cpu_ms)}, ${Math.round(memory_bytes / 1_048_576)} MiB`;
    return `${pid}  ${usage}${ports}${id ? `, of ${id}` : ""}: ${command_line}`;
  });
  const more = commands_count > commands.length ? [`(${commands_count - commands.length} older ones)`] : [];
  return ["Commands:", ...(started.length > 0 ? started : ["none"]), ...more, "Processes:", ...running].join("\n");
}
