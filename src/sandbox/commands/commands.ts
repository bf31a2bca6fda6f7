/** The commands of one sandbox. */
import { PodexecError } from "../../errors.ts";
import type { Channel } from "../agent/channel.ts";
import type { CommandContext } from "./command-context.ts";
import { Command, GRACE_MS } from "./command.ts";
import {
  commandId,
  decodeRecord,
  digestOf,
  encodeRecord,
  isPersonal,
  newCommandId,
  recordOf,
  type CommandRequest,
} from "./command-record.ts";
import type { Listed, Process } from "../agent/frames-answers.ts";
import type { StartOptions } from "../agent/frames-requests.ts";
import { LiveText } from "../output/live-text.ts";
import { Mask, MAX_SECRETS, secretOf, type Secret } from "../output/mask.ts";
import { SHELL, type Outcome } from "./outcome.ts";
import { within } from "../agent/within.ts";

export type { CommandRequest, Outcome };

export interface RunControl {
  /** Ends the command's whole tree. */
  signal?: AbortSignal;
  /** Output as it comes, within the head. */
  onOutput?: (text: string) => void;
}

/** Why the sandbox is gone, asked when the channel is lost. */
export type WhyLost = (reason: string) => Promise<{ text: string; outOfMemory: boolean }>;

/** Finished commands that are remembered; the agent remembers as many. */
const MAX_KNOWN = 256;
/** Secrets that are masked in everything the sandbox says, the newest first. */
const MAX_MASKED = 256;

const LOOK_LIMIT_MS = 3_000;

export class Commands {
  readonly #channel: Channel;
  readonly #context: CommandContext;
  /** In the order of their start. */
  readonly #known = new Map<bigint, Command>();
  #secrets: readonly Secret[] = [];
  #mask = new Mask();
  #running = 0;
  readonly #hidden = new Set<string>();

  constructor(channel: Channel, whyLost: WhyLost) {
    this.#channel = channel;
    this.#context = {
      mask: () => this.#mask,
      whyLost,
      look: async (id) => {
        const rows = await within(channel.list(), LOOK_LIMIT_MS, () => new Error("no answer"));
        return rows.find((row) => row.id === id);
      },
      giveUp: (reason) => channel.giveUp(reason),
      onEnd: (command) => {
        this.#running--;
        if (command.hasFailed) this.#forget(command.id);
      },
    };
  }

  /** How many run. */
  get running(): number {
    return this.#running;
  }

  /** Whether one runs that this server does not know. @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL */
  async areOthersRunning(): Promise<boolean> {
    const rows = await within(this.#channel.list(), LOOK_LIMIT_MS, () => new Error("no answer"));
    return rows.some(({ id, state }) => state === "running" && !this.#known.has(id));
  }

  /** What is masked in all that the sandbox says. */
  get mask(): Mask {
    return this.#mask;
  }

  /** Masks these values from now on, too; commands that start from now on let a restarted server know them. */
  hide(values: readonly string[]): void {
    const isNew = (value: string) => !this.#hidden.has(value) && this.#hidden.size < MAX_SECRETS;
    const fresh = values.filter(isNew);
    if (fresh.length === 0) return;
    fresh.forEach((value) => this.#hidden.add(value));
    this.#addSecrets(fresh.map((value) => secretOf(value)));
  }

  /** Bytes in, masked text out, as they come. */
  liveText(tell: (text: string) => void): (bytes: Uint8Array) => void {
    const live = new LiveText(() => this.#mask);
    return (bytes) => {
      const text = live.push(bytes);
      if (text !== "") tell(text);
    };
  }

  /**
   * Starts a command, or finds the one that was started with the same key.
   *
   * @param onOutput gets output as it comes, within the head
   * @throws PodexecError INVALID_PARAMS where the key was used for another command, SANDBOX_GONE, SANDBOX_BUSY
   */
  async start(request: CommandRequest, onOutput?: (bytes: Uint8Array) => void): Promise<Command> {
    const id = newCommandId(request.idempotencyKey);
    const known = this.#known.get(id);
    const command = known ?? this.#begin(id, request, onOutput);
    if (request.idempotencyKey === undefined) return command;
    await command.untilBegun({ waitMs: Infinity }).catch(() => {});
    if (!command.isKnownAlready) return known ? sameCommand(known, request) : command;
    // Another connection started it: what the agent keeps tells what it is. Several calls may learn that at once.
    if (this.#known.get(id) === command) this.#forget(id);
    await this.recover();
    return sameCommand(this.#known.get(id) ?? command, request);
  }

  /** A command by its name. @throws PodexecError COMMAND_UNKNOWN */
  get(name: string): Command {
    const id = commandId(name);
    const command = id === undefined ? undefined : this.#known.get(id);
    if (command) return command;
    throw new PodexecError("COMMAND_UNKNOWN", `id: this sandbox has no command ${name.slice(0, 64)}`, {
      hint: "shell_list names the commands it knows; it remembers the last 256.",
    });
  }

  /** Whether a command of this name is known. */
  knows(name: string): boolean {
    const id = commandId(name);
    return id !== undefined && this.#known.has(id);
  }

  /** All that are known, in the order of their start. */
  list(): Command[] {
    return [...this.#known.values()];
  }

  /** The processes of the sandbox. @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL */
  processes(): Promise<Process[]> {
    return this.#channel.processes();
  }

  /**
   * Finds the commands that the agent knows and this server does not.
   *
   * @returns what the agent says of each command now, by id
   * @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL
   */
  async recover(): Promise<ReadonlyMap<bigint, Listed>> {
    // A person's terminal has its reader: to attach to it would take its output away.
    const rows = (await this.#channel.list()).filter((row) => !isPersonal(row)).toSorted((a, b) => b.ageMs - a.ageMs);
    for (const row of rows) if (!this.#known.has(row.id)) this.#adopt(row);
    return new Map(rows.map((row) => [row.id, row]));
  }

  /**
   * Runs a command and waits for its end.
   *
   * @throws PodexecError SANDBOX_BUSY where the sandbox can start no more, AGENT_PROTOCOL where its agent is silent
   */
  async run(request: CommandRequest, control: RunControl = {}): Promise<Outcome> {
    const { signal } = control;
    const command = await this.start(request, control.onOutput && this.liveText(control.onOutput));
    await command.untilEndOrKill({ waitMs: Infinity, signal });
    return command.outcome(request.outputLimit);
  }

  #begin(id: bigint, request: CommandRequest, onOutput?: (bytes: Uint8Array) => void): Command {
    const secrets = [...new Set([...(request.secrets ?? []), ...this.#hidden])].slice(0, MAX_SECRETS);
    const record = recordOf({ ...request, secrets });
    const options = startOptions(request, encodeRecord(record));
    const limit = options.head + options.tail;
    const command = new Command(id, record, { context: this.#context, head: { limit, onOutput } });
    this.#addSecrets(record.secrets);
    this.#remember(command);
    try {
      command.output.link = this.#channel.start(id, options, command);
    } catch (error) {
      this.#forget(command.id);
      this.#running--;
      throw error;
    }
    if (request.stdin !== undefined) void command.link.input(new TextEncoder().encode(request.stdin));
    if (request.stdin !== undefined && !record.hasInput) void command.link.endInput();
    return command;
  }

  #adopt(row: Listed): void {
    const record = decodeRecord(row);
    const command = new Command(row.id, record, { context: this.#context });
    this.#addSecrets(record.secrets);
    this.#remember(command);
    command.output.link = this.#channel.adopt(row, command);
    if (row.exited) command.onExited(row.exited);
    else command.attach(row.total);
  }

  #remember(command: Command): void {
    this.#known.set(command.id, command);
    this.#running++;
    if (this.#known.size <= MAX_KNOWN) return;
    const oldest =
      this.list().find((each) => !each.isRunning && each.leftCount === 0) ??
      this.list().find((each) => !each.isRunning);
    if (oldest) this.#forget(oldest.id);
  }

  #forget(id: bigint): void {
    this.#known.delete(id);
    this.#channel.drop(id);
  }

  #addSecrets(secrets: readonly Secret[]): void {
    if (secrets.length === 0) return;
    const all = [...secrets, ...this.#secrets];
    const isFirst = ({ head, length }: Secret, at: number) =>
      all.findIndex((other) => other.length === length && Buffer.compare(other.head, head) === 0) === at;
    this.#secrets = all.filter(isFirst).slice(0, MAX_MASKED);
    this.#mask = new Mask(this.#secrets);
  }
}

function startOptions(request: CommandRequest, kept: Uint8Array): StartOptions & { head: number; tail: number } {
  // Nobody waits for the output of what runs in the background: it is read when somebody asks.
  const head = request.isBackground ? 0 : Math.ceil(request.outputLimit / 2);
  const env = Object.entries(request.env ?? {}).map(([name, value]) => `${name}=${value}`);
  return {
    args: [SHELL, "-lc", request.command],
    env: request.terminal ? ["TERM=xterm-256color", ...env] : env,
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    timeoutMs: request.timeoutMs ?? 0,
    graceMs: GRACE_MS,
    stdin: request.stdin !== undefined || request.isInputOpen === true,
    ...(request.terminal ? { terminal: request.terminal } : {}),
    head,
    tail: request.isBackground ? 0 : request.outputLimit - head,
    kept,
  };
}

function sameCommand(known: Command, request: CommandRequest): Command {
  if (known.record.digest === digestOf(request)) return known;
  throw new PodexecError("INVALID_PARAMS", "idempotency_key: it was used for another command, cwd, env or stdin", {
    hint: `Choose another key, or go on with that command: ${known.name}, key ${request.idempotencyKey?.slice(0, 50)}.`,
  });
}
