/** The shape of a verb: its arguments as data, and one function that does the work. */
import type { Log } from "../log.ts";

interface Described {
  /** One line for the usage and for shell completion. */
  summary: string;
}

interface FlagBase extends Described {
  /** One letter: `-h`. */
  short?: string;
  /** What stands for the value in the usage, such as `PORT`. */
  value?: string;
  /** What the usage says behind the summary, such as the default and the environment variable. */
  note?: string;
  required?: boolean;
}

/** Flags by type: `strings` may be given several times; a `boolean` can be negated as `--no-NAME`. */
export type FlagDef =
  | (FlagBase & { type: "string"; default?: string })
  | (FlagBase & { type: "number"; default?: number })
  | (FlagBase & { type: "enum"; options: readonly string[]; default?: string })
  | (FlagBase & { type: "strings" })
  | (FlagBase & { type: "boolean"; default?: boolean });

/**
 * Arguments without dashes, in the order of their declaration: one, or (the last) any number; and `words`, what stands
 * behind `--`, taken as it is. `shown`: what the usage calls it, default its name in capitals.
 */
export type PositionalDef =
  | (Described & { type: "positional"; required?: boolean; options?: readonly string[]; shown?: string })
  | (Described & { type: "positionals"; required?: boolean; options?: readonly string[] })
  | (Described & { type: "words"; required?: boolean });

export type ArgDef = FlagDef | PositionalDef;

/** Arguments by name as typed on the command line, without dashes: `pids-limit`. */
export type Args = Readonly<Record<string, ArgDef>>;

type Value<Def> = Def extends { type: "boolean" }
  ? boolean
  : Def extends { type: "number" }
    ? number
    : Def extends { type: "strings" | "positionals" | "words" }
      ? readonly string[]
      : Def extends { options: readonly (infer Option)[] }
        ? Option
        : string;

type Present =
  { default: string | number | boolean } | { required: true } | { type: "strings" | "positionals" | "words" };

/** What `run` receives: `undefined` where a flag without a default was not given, `[]` where a list is empty. */
export type ParsedArgs<A extends Args> = {
  readonly [Name in keyof A]: A[Name] extends Present ? Value<A[Name]> : Value<A[Name]> | undefined;
};

/** A place to write to; a write resolves when what is written is handed over. */
export interface Output {
  write(text: string | Uint8Array): Promise<void>;
  isTerminal: boolean;
  /** Of the terminal, now. */
  readonly columns?: number | undefined;
}

export interface Input {
  /** What comes, as it comes, until its end; the sender feels a slow reader. May be asked for once. */
  chunks(): AsyncIterable<Uint8Array>;
  isTerminal: boolean;
}

/** stdout carries the verb's answer and nothing else; progress goes to stderr or the log. */
export interface Io {
  stdin: Input;
  stdout: Output;
  stderr: Output;
}

export type SignalName = "SIGINT" | "SIGTERM" | "SIGHUP";

export type Environment = Readonly<Record<string, string>>;

export interface VerbContext<A extends Args = Args> {
  args: ParsedArgs<A>;
  io: Io;
  /** Bound to stderr; its level and format come from `--log-level`, `--log-format` and the environment. */
  log: Log;
  environment: Environment;
  /** Aborted by SIGINT, SIGTERM or SIGHUP, with a PodexecError INTERRUPTED as its reason. */
  signal: AbortSignal;
  /**
   * Asks the verb about each signal first: a Ctrl-C may be meant for what it runs. One that the handler does not take
   * (false) aborts `signal`.
   *
   * @returns what ends that
   */
  takeSignals(handler: (name: SignalName) => boolean): () => void;
  /** The dispatch table, for verbs about verbs. */
  table: Table;
}

export interface Verb<A extends Args = Args> {
  args: A;
  /** Paragraphs below the usage: what the verb does that its summary does not say. */
  details?: string;
  /** Whole command lines. */
  examples?: readonly string[];
  /**
   * Does the work; ends with nothing (exit status 0) or an exit status.
   *
   * @throws PodexecError for what was expected; it is printed with its hint, and its code decides the exit status
   */
  run(context: VerbContext<A>): Promise<number | void>;
}

/** A row of the dispatch table: a verb that is loaded when it is called, or a table of sub-verbs. */
export type Row = Described & ({ load(): Promise<Verb> } | { verbs: Table });

export type Table = Readonly<Record<string, Row>>;

/** The `--json` of a verb whose answer exists as JSON; failures are then one JSON object on stderr. */
export const jsonFlag = {
  type: "boolean",
  default: false,
  summary: "Print the answer, and a failure, as JSON",
} as const satisfies FlagDef;

/** A verb, with the types of its arguments inferred from their declaration. */
export function defineVerb<const A extends Args>(verb: Verb<A>): Verb<A> {
  return verb;
}
