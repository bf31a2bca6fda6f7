import { PodexecError } from "../errors.ts";
import { commandId, isPersonal, PERSONAL } from "../sandbox/commands/command-record.ts";
import { Console } from "../sandbox/commands/console.ts";
import type { Engine, SandboxRef } from "../sandbox/engine.ts";
import { defineVerb, type VerbContext } from "./command.ts";
import { hostArgs, loadHostConfig, openEngine, openHost } from "./host.ts";
import { endOf, startOptions, warningsOf } from "./program.ts";
import { reachSandbox } from "./sandbox.ts";
import { join, Sink } from "./streams.ts";
import { terminalSize } from "./terminal.ts";

/** The shortest that `serve --lease` takes: signs of life that are frequent enough for every sandbox. */
const SHORTEST_LEASE_MS = 5_000;
/** What a person who joins still wants to see of what was printed. */
const LAST_BYTES = 32_768;
const SIGHUP = 1;

/** `podexec attach`: a person's terminal in a sandbox that an agent works in. */
export const attach = defineVerb({
  args: {
    sandbox: {
      type: "positional",
      required: true,
      summary: "Its handle, its container (`podexec sessions list` shows it), or its name",
    },
    program: { type: "words", summary: "A program and its arguments in place of the login shell" },
    command: { type: "string", value: "ID", summary: "Join a shell or program that was left with Ctrl-P Ctrl-Q" },
    ...hostArgs(),
  },
  details:
    "Ctrl-P Ctrl-Q leaves the shell running; `exit` ends it. What else runs in the sandbox goes on either way. " +
    "With a program and no terminal, standard input and output are passed on as they are. " +
    "The sandbox stays its server's: it goes when the server removes it.",
  examples: [
    "podexec attach sbx_0123456789abcdef0123456789abcdef",
    "podexec attach podexec-1f2e3d4c5b6a -- python3",
    "podexec attach podexec-1f2e3d4c5b6a --command cmd_0123456789abcdef",
  ],
  async run(context) {
    const { args, io } = context;
    const tty = io.stdin.isTerminal && io.stdout.isTerminal;
    const program = programOf(args.command, args.program);
    if (!tty && args.program.length === 0) {
      throw new PodexecError("USAGE", "standard input and output are no terminal, which a shell needs", {
        hint: `Name what is to be run: podexec attach ${args.sandbox} -- ls -l`,
      });
    }
    const config = loadHostConfig(context);
    const engine = openEngine(await openHost(config), config);
    const open = (ref: SandboxRef) => converse({ engine, ref, program, tty }, context, args.sandbox);
    return reachSandbox({ engine, dataFolder: config.dataFolder }, args.sandbox, open);
  },
});

type Program = { words: readonly string[] } | { id: bigint };

function programOf(command: string | undefined, words: readonly string[]): Program {
  if (command === undefined) return { words };
  const id = commandId(command);
  if (id !== undefined && words.length === 0) return { id };
  const problem =
    id === undefined ? `--command: "${command}" is no command's id` : "--command and a program exclude each other";
  throw new PodexecError("USAGE", problem, { hint: "An id is cmd_ and 16 digits, as podexec said when it was left." });
}

interface Request {
  engine: Engine;
  ref: SandboxRef;
  program: Program;
  tty: boolean;
}

async function converse({ engine, ref, program, tty }: Request, context: VerbContext, word: string): Promise<number> {
  const { io, environment, log } = context;
  const sink = new Sink(io.stdout);
  const onOutput = (bytes: Uint8Array) => sink.push(bytes);
  const console = await Console.open(engine, ref, { leaseMs: SHORTEST_LEASE_MS, onOutput });
  sink.onRoom = () => console.resume();
  const stdin = tty || !io.stdin.isTerminal;
  try {
    if ("id" in program) await rejoin(console, program.id);
    else {
      const options = startOptions({ words: program.words, tty, stdin, timeoutMs: 0, environment });
      console.start({ ...options, kept: PERSONAL });
    }
    const ending = await join(console, sink, { ...context, tty, detachable: tty, stdin });
    if (!ending) {
      await io.stderr.write(`\r\nleft; podexec attach ${word} --command ${console.id} joins it again\n`);
      return 0;
    }
    const ended = await endOf(ending, async () => (await engine.whyGone(ref))?.text);
    for (const warning of warningsOf(ended)) log.warn(warning);
    return ended.retval;
  } catch (error) {
    // As where a terminal is closed: what it ran hears of it.
    console.signal(SIGHUP);
    throw error;
  } finally {
    console.close();
  }
}

/** @throws PodexecError COMMAND_UNKNOWN; REFUSED for a tool's command, whose output the server would miss */
async function rejoin(console: Console, id: bigint): Promise<void> {
  const found = (await console.list()).find((listed) => listed.id === id);
  if (!found) {
    const hint = "It ended long ago, or it ran in another sandbox.";
    throw new PodexecError("COMMAND_UNKNOWN", "the sandbox knows no such command", { hint });
  }
  if (!isPersonal(found)) {
    const hint = "Its output has one reader; shell_wait and shell_input are for it.";
    throw new PodexecError("REFUSED", "that command was started by an agent's tool, not by `podexec attach`", { hint });
  }
  console.attach(id, Math.max(0, found.total - LAST_BYTES));
  console.resize(terminalSize());
}
