import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import { GRACE_MS } from "../../sandbox/commands/command.ts";
import { signalNumber } from "../../sandbox/commands/outcome.ts";
import { commandOf } from "../command-of.ts";
import { idField } from "../command-fields.ts";
import { sandboxField } from "../fields.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  id: idField,
  signal: z
    .string()
    .regex(/^(SIG)?[A-Z][A-Z0-9+-]{1,15}$/, "a name such as SIGINT")
    .optional()
    .describe(
      "Default SIGTERM: all processes get it, and SIGKILL 2 seconds later. SIGKILL: all are ended at once. Any other " +
        "goes to the main process only, and the call does not wait for what it does.",
    ),
  sandbox: sandboxField,
});

const output = z.object({
  id: z.string(),
  running: z.boolean().describe("Whether the command still runs."),
  killed: z.int().describe("How many processes were ended, whatever they were called and wherever they had gone."),
  survivors: z.int().describe("How many of them could not be ended."),
  sandbox: z.string(),
});

export const shellKill = defineTool({
  name: "shell_kill",
  title: "End a command",
  description:
    "End a command and everything it started, background processes and daemons included; other commands do not notice. " +
    "The id of a command that has ended stops what it left running. Its output stays readable with shell_wait.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run(args, context) {
    const { command, sandbox } = await commandOf(args, context);
    const name = args.signal ?? "SIGTERM";
    const number = signalNumber(name);
    if (number === undefined) {
      throw new PodexecError("INVALID_PARAMS", `signal: there is no signal ${name}`, {
        hint: "Names are such as SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGUSR1, SIGSTOP, SIGCONT.",
      });
    }
    const graceMs = GRACES[name.replace(/^SIG/, "")];
    const nothing = { killed: 0, survivors: 0 };
    const { killed, survivors } =
      graceMs === undefined
        ? await command.link.signal(number).then(() => nothing)
        : await command.kill("killed", graceMs);
    const structured = { id: command.name, running: command.isRunning, killed, survivors, sandbox: sandbox.handle };
    const sent = `${name} sent to the main process of ${command.name}; without \`signal\` all of it is ended`;
    const text = graceMs === undefined ? sent : `killed ${killed}, survivors ${survivors}`;
    return { structured, text };
  },
});

/** Signals that end the whole tree, and how long it has to end by itself. */
const GRACES: Record<string, number> = { TERM: GRACE_MS, KILL: 0 };
