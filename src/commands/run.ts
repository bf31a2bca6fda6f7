import { PodexecError } from "../errors.ts";
import type { ServeConfig } from "../options.ts";
import { Console } from "../sandbox/commands/console.ts";
import type { Engine, SandboxRef } from "../sandbox/engine.ts";
import { nameOf, newHandle } from "../sandbox/handle.ts";
import { OutputCollector } from "../sandbox/output/output.ts";
import { requireImage } from "./build-image.ts";
import { defineVerb, jsonFlag, type VerbContext } from "./command.ts";
import { hostOptions, openEngine, openHost } from "./host.ts";
import { endOf, startOptions, warningsOf, type Ended, type ProgramOptions } from "./program.ts";
import { loadSandboxConfig, sandboxArgs, specOf } from "./sandbox.ts";
import { join, Sink, type Receiver } from "./streams.ts";
import { warnOfUnknownVariables } from "./variables.ts";

/** Bytes that the output may take on the sandbox's disk until it is read: a slow reader is to lose none. */
const SPILL_LIMIT = 64 * 1024 ** 3;

/** `podexec run`: one command in a sandbox of its own, which is removed afterwards whatever happens. */
export const run = defineVerb({
  args: {
    from: { type: "positional", shown: "IMAGE", summary: "The image to start from, as --image" },
    command: { type: "words", summary: "The program and its arguments, taken as they are; default a login shell" },
    tty: {
      type: "boolean",
      short: "t",
      summary: "Give the command a terminal, or --no-tty none",
      note: "default: where standard input and output are one",
    },
    ...sandboxArgs(),
    json: jsonFlag,
  },
  details:
    "The exit status is the command's: 128+n where signal n ended it, 124 where its time was over. " +
    "Output and errors of the command both come on standard output, in their order. " +
    "Standard input is passed on where it is no terminal. Ctrl-C goes to the command; a second one ends everything. " +
    "With a terminal there is no time limit but a --timeout given here.",
  examples: [
    'podexec run -- ls -l "a b"',
    "podexec run --network none -- sh -c 'echo $((6 * 7))'",
    "tar c . | podexec run -- sh -c 'tar x && make' > log",
    "podexec run docker.io/library/alpine:3",
  ],
  async run(context) {
    const { args, environment, signal, log } = context;
    warnOfUnknownVariables(environment, log);
    const { config, program } = requestOf(context, args.from, args.command, args.tty);
    const host = await openHost(hostOptions(config, context));
    await requireImage(host, config, context);
    const engine = openEngine(host, { dataFolder: config.dataDir, log, spillLimit: SPILL_LIMIT });
    const ref = await engine.create(specOf(config), nameOf(newHandle()), signal);
    try {
      const request = { engine, ref, program, leaseMs: config.lease };
      return args.json ? await asJson(request, context, config.outputLimit) : await asStreams(request, context);
    } finally {
      await engine.remove(ref).catch((error: unknown) => log.warn(`${ref.name} is not removed: ${String(error)}`));
      await sweep(engine).catch((error: unknown) => log.debug(`what others left is not removed: ${String(error)}`));
    }
  },
});

/** Removes the traces of runs that were killed; a server may never start here. */
async function sweep(engine: Engine): Promise<void> {
  if ((await engine.orphans()).length > 0) await engine.sweep();
}

interface Request {
  engine: Engine;
  ref: SandboxRef;
  program: ProgramOptions;
  leaseMs: number;
}

function requestOf(
  context: VerbContext,
  image: string | undefined,
  words: readonly string[],
  wantsTty: boolean | undefined,
): { config: ServeConfig; program: ProgramOptions } {
  const { args, io, environment } = context;
  if (image !== undefined && args["image"] !== undefined) {
    throw new PodexecError("USAGE", "IMAGE and --image both name an image", { hint: "Give one of them." });
  }
  const { config, origins } = loadSandboxConfig({
    environment,
    args: image === undefined ? args : { ...args, image },
  });
  const isTerminal = io.stdin.isTerminal && io.stdout.isTerminal && args["json"] !== true;
  const tty = wantsTty ?? isTerminal;
  if (words.length === 0 && !tty) {
    throw new PodexecError("USAGE", "no command is given, and there is no terminal for a shell", {
      hint: "Such as: podexec run -- ls -l",
    });
  }
  const timeoutMs = tty && origins.timeout === "default" ? 0 : config.timeout;
  return { config, program: { words, tty, stdin: !io.stdin.isTerminal, timeoutMs, environment } };
}

/** Output goes on as it comes. */
async function asStreams(request: Request, context: VerbContext): Promise<number> {
  const ended = await runThrough(request, context, { receiver: new Sink(context.io.stdout) });
  for (const warning of warningsOf(ended)) context.log.warn(warning);
  return ended.retval;
}

/** One object when all is over, with the output in it as a tool's result has it: the head and the tail. */
async function asJson(request: Request, context: VerbContext, outputLimit: number): Promise<number> {
  const collected = new OutputCollector(outputLimit);
  const head = Math.ceil(outputLimit / 2);
  const receiver: Receiver = {
    push(bytes, offset) {
      collected.push(offset, bytes);
      return true;
    },
    onRoom: () => {},
    flushed: () => Promise.resolve(),
    failed: new Promise(() => {}),
  };
  const ended = await runThrough(request, context, { receiver, bounds: { head, tail: outputLimit - head } });
  const { text, truncated } = collected.render(ended.totalBytes);
  const { retval, why, signal, message, durationMs, totalBytes, droppedBytes, killed, survivors } = ended;
  const counts = { duration_ms: durationMs, total_bytes: totalBytes, dropped_bytes: droppedBytes };
  const answer = { output: text, retval, why, signal, message, ...counts, truncated, killed, survivors };
  await context.io.stdout.write(`${JSON.stringify(answer)}\n`);
  return retval;
}

interface Reception {
  receiver: Receiver;
  /** How much output is asked for; default all. */
  bounds?: { head: number; tail: number };
}

async function runThrough(
  { engine, ref, program, leaseMs }: Request,
  context: VerbContext,
  { receiver, bounds }: Reception,
): Promise<Ended> {
  const onOutput = (bytes: Uint8Array, offset: number) => receiver.push(bytes, offset);
  const console = await Console.open(engine, ref, { leaseMs, onOutput });
  receiver.onRoom = () => console.resume();
  try {
    console.start({ ...startOptions(program), ...bounds });
    const { stdin, tty } = program;
    const local = tty && context.io.stdin.isTerminal;
    const ending = await join(console, receiver, { ...context, tty: local, detachable: false, stdin: stdin || local });
    if (!ending) throw new PodexecError("INTERNAL", "a command of `run` cannot be left");
    return await endOf(ending, async () => (await engine.whyGone(ref))?.text);
  } finally {
    console.close();
  }
}
