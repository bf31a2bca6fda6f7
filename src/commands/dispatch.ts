/** From the words of a command line to the exit status of a verb. */
import { meaningOf } from "../errors.ts";
import { looksLikeFlag, parseArguments, usageError } from "./arguments.ts";
import { withCommonArgs } from "./common.ts";
import type { Row, Table, Verb, VerbContext } from "./command.ts";
import { nearest } from "../nearest.ts";
import { failureText } from "./failure.ts";
import { before, logFor, wantsDebug, wantsJson } from "./verbosity.ts";
import { tableUsage, verbUsage } from "./usage.ts";

/** What a verb gets from the process it runs in. */
export type World = Pick<VerbContext, "io" | "environment" | "signal" | "takeSignals">;

/**
 * Runs one command line to its end. Failures are printed on stderr: as lines, or with `--json` as one JSON object.
 *
 * @param argv the words after the program's name
 * @returns the exit status
 */
export async function dispatch(argv: readonly string[], table: Table, world: World): Promise<number> {
  try {
    return await call(argv, table, world);
  } catch (thrown) {
    if (isBrokenPipe(thrown)) return 0;
    const { error, text } = failureText(thrown, {
      json: wantsJson(argv, world.environment),
      debug: wantsDebug(argv, world.environment),
    });
    await world.io.stderr.write(text);
    return meaningOf(error.code).exit;
  }
}

/** True for what a write fails with whose reader has gone, as in `podexec --help | head -1`. */
export function isBrokenPipe(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown as { code?: unknown }).code === "EPIPE";
}

async function call(argv: readonly string[], table: Table, world: World): Promise<number> {
  const target = resolve(asVerb(argv), table);
  if ("table" in target) {
    await world.io.stdout.write(tableUsage(target.command, target.table));
    return 0;
  }
  const { row, command, rest } = target;
  const verb = await row.load();
  const args = withCommonArgs(verb.args);
  if (asksForHelp(rest)) {
    await world.io.stdout.write(verbUsage(command, row.summary, { ...verb, args }));
    return 0;
  }
  const parsed = parseArguments(rest, args, command);
  const log = logFor(parsed, argv, world.environment);
  const status = await runToEnd(verb, { ...world, args: parsed, log, table });
  return status ?? 0;
}

/** `podexec help VERB` is `podexec VERB --help`, `podexec --version` is `podexec version`. */
function asVerb(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv;
  if (first === "--version" || first === "-V") return ["version", ...rest];
  if (first !== "help" && first !== "--help" && first !== "-h") return argv;
  return rest.length === 0 ? ["--help"] : [...rest, "--help"];
}

type Target = { table: Table; command: string } | { row: LoadableRow; command: string; rest: readonly string[] };
type LoadableRow = Extract<Row, { load: unknown }>;

function resolve(argv: readonly string[], table: Table, command = "podexec"): Target {
  const [word, ...rest] = argv;
  if (word === undefined || word === "--help" || word === "-h") return { table, command };
  if (looksLikeFlag(word)) {
    const words = before(argv, "--").filter((other) => Object.hasOwn(table, other));
    const hint = words.length > 0 ? `Flags stand behind the verb: ${command} ${words[0]} ${word}` : undefined;
    throw usageError(command, `unknown flag ${word} for ${command}`, hint);
  }
  const row = Object.hasOwn(table, word) ? table[word] : undefined;
  if (!row) {
    const meant = nearest(word, Object.keys(table));
    throw usageError(command, `unknown command "${word}"`, meant && `Did you mean "${command} ${meant}"?`);
  }
  if ("verbs" in row) return resolve(rest, row.verbs, `${command} ${word}`);
  return { row, command: `${command} ${word}`, rest };
}

function asksForHelp(words: readonly string[]): boolean {
  return before(words, "--").some((word) => word === "--help" || word === "-h");
}

async function runToEnd(verb: Verb, context: Parameters<Verb["run"]>[0]): Promise<number | void> {
  try {
    return await verb.run(context);
  } catch (thrown) {
    // Whatever an interrupted verb fails with (a child that got the same Ctrl-C, too), the interruption is why.
    throw context.signal.aborted && !isBrokenPipe(thrown) ? context.signal.reason : thrown;
  }
}
