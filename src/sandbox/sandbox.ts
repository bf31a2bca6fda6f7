import { PodexecError } from "../errors.ts";
import { Channel } from "./agent/channel.ts";
import { Commands, type CommandRequest, type Outcome, type RunControl } from "./commands/commands.ts";
import type { Connection, ConnectionHandlers, Engine, GoneReason, SandboxRef, SandboxSpec } from "./engine.ts";
import { Files } from "./files/files.ts";
import type { Purpose } from "./agent/frames-requests.ts";
import { newHandle, nameOf } from "./handle.ts";
import type { Note, Notes } from "./note.ts";
import { openStream } from "./agent/stream.ts";
import { Watches } from "./files/watch.ts";

/** The connection ends a moment before Podman has written down why. */
const GONE_SETTLE_MS = 250;
const GONE_TRIES = 8;
/** Until an agent's note has told how long its lease is, the shortest there is: what `--lease` takes at least. */
const SHORTEST_LEASE_MS = 5_000;

/** Why the conversation with a sandbox is over, as soon as it is. */
interface Loss {
  reason: string | undefined;
}

/** One running sandbox and the channel to it. */
export class Sandbox {
  readonly ref: SandboxRef;
  /** What the sandbox's lock-down could not do, if anything. */
  warnings: readonly string[] = [];
  lastUsedAt = Date.now();
  readonly commands: Commands;
  readonly files: Files;
  readonly watches: Watches;
  readonly #engine: Engine;
  readonly #channel: Channel;
  readonly #loss: Loss;
  #note: Note;
  #streams = 0;
  #isDetached = false;
  /** Whoever waits for something in it hears nothing any more. */
  #isSilent = false;
  #removed: Promise<void> | undefined;

  private constructor(
    engine: Engine,
    ref: SandboxRef,
    { channel, loss, note }: { channel: Channel; loss: Loss; note: Note },
  ) {
    this.ref = ref;
    this.#engine = engine;
    this.#channel = channel;
    this.#loss = loss;
    this.#note = note;
    this.commands = new Commands(channel, (reason) => this.#whyLost(reason));
    this.files = new Files((to, handlers) => this.open({ to }, handlers));
    this.watches = new Watches((to, handlers) => this.open({ to }, handlers));
  }

  /** Creates a sandbox and greets its agent. @throws PodexecError as `Engine.create` and `Channel.open` */
  static async create(engine: Engine, spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    const note = firstNote(spec);
    const ref = await engine.create(spec, nameOf(note.handle), signal);
    const sandbox = new Sandbox(engine, ref, { ...newChannel(), note });
    try {
      sandbox.warnings = (await sandbox.#channel.open(engine, ref, spec.leaseMs)).warnings;
      return sandbox;
    } catch (error) {
      await sandbox.remove();
      throw error;
    }
  }

  /**
   * Connects to a sandbox that another server made, and finds its commands again.
   *
   * @returns undefined where its note is missing, is not of this data folder or is another sandbox's
   * @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL
   */
  static async adopt(engine: Engine, ref: SandboxRef, notes: Notes): Promise<Sandbox | undefined> {
    const { channel, loss } = newChannel();
    let note: Note | undefined;
    try {
      const { warnings } = await channel.open(engine, ref, (hello) => {
        note = notes.open(hello.note);
        return note?.leaseMs ?? SHORTEST_LEASE_MS;
      });
      if (!note || nameOf(note.handle) !== ref.name) {
        channel.close();
        return undefined;
      }
      const sandbox = new Sandbox(engine, ref, { channel, loss, note });
      sandbox.warnings = warnings;
      await sandbox.commands.recover();
      return sandbox;
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  /** Names the sandbox to its caller: 128 bits that nobody can guess, worth something only with the right principal. */
  get handle(): string {
    return this.#note.handle;
  }

  /** What its agent keeps about it. */
  get note(): Note {
    return this.#note;
  }

  /** Why it cannot be used any more; undefined while it can. */
  get gone(): string | undefined {
    return this.#loss.reason;
  }

  /** Resolves when `gone` can be believed: while a broken connection is being replaced nobody knows. */
  settled(): Promise<void> {
    return this.#channel.settled();
  }

  /** Whether a command of this server runs, files are at work, or a connection to one of its ports is open. */
  get isBusy(): boolean {
    return this.commands.running > 0 || this.files.isBusy || this.#streams > 0;
  }

  /** Whether a command runs that this server did not start, such as the shell of `podexec attach`: its agent is asked. */
  async isUsedByOthers(): Promise<boolean> {
    return this.gone === undefined && (await this.commands.areOthersRunning().catch(() => false));
  }

  /** Changes what is known of it, here and with its agent. */
  keep(notes: Notes, changes: Partial<Omit<Note, "handle">>): void {
    this.#note = { ...this.#note, ...changes };
    this.#channel.note(notes.seal(this.#note));
  }

  /**
   * Runs one command. A sandbox that is lost meanwhile is an outcome; afterwards `gone` is set.
   *
   * @throws PodexecError SANDBOX_GONE, SANDBOX_BUSY, AGENT_PROTOCOL
   */
  async run(request: CommandRequest, control: RunControl = {}): Promise<Outcome> {
    if (this.gone) throw new PodexecError("SANDBOX_GONE", `the sandbox is gone: ${this.gone}`);
    try {
      return await this.commands.run(request, control);
    } catch (error) {
      if (error instanceof PodexecError && error.code === "AGENT_PROTOCOL") await this.#giveUp(error.message);
      throw error;
    } finally {
      this.lastUsedAt = Date.now();
    }
  }

  /** Opens a raw byte stream into the sandbox. @throws PodexecError as `openStream` */
  async open(purpose: Exclude<Purpose, { to: "control" }>, handlers: ConnectionHandlers): Promise<Connection> {
    this.lastUsedAt = Date.now();
    if (purpose.to !== "port") return openStream(this.#engine, this.ref, purpose, handlers);
    const onClose = () => {
      this.#streams--;
      this.lastUsedAt = Date.now();
      handlers.onClose();
    };
    const stream = await openStream(this.#engine, this.ref, purpose, {
      onData: (bytes) => handlers.onData(bytes),
      onClose,
    });
    this.#streams++;
    return stream;
  }

  /** Why the sandbox was lost, in the engine's words where it knows better than the channel. */
  async explainLoss(): Promise<string | undefined> {
    if (this.gone === undefined) return undefined;
    return (await this.#whyLost(this.gone)).text;
  }

  /** Ends and removes the sandbox; again is no error, and one that was detached is left alone. */
  remove(): Promise<void> {
    if (this.#isDetached) return Promise.resolve();
    this.#loss.reason ??= "podexec removed it";
    this.#removed ??= (async () => {
      this.#channel.close();
      await this.#engine.remove(this.ref);
    })();
    return this.#removed;
  }

  /**
   * Ends the conversation and leaves the sandbox as it is, its commands too, for whoever connects next.
   *
   * @param silently nobody is told that a command is lost to them, because it is not: default false
   */
  detach(silently = false): void {
    this.#isDetached = true;
    this.#isSilent = silently;
    this.#loss.reason ??= "another server of podexec has it";
    this.#channel.close();
  }

  async #giveUp(reason: string): Promise<void> {
    this.#loss.reason = reason;
    // What became of the command is the answer; a container that resists is removed again at the session's end.
    await this.remove().catch(() => (this.#removed = undefined));
  }

  async #whyLost(reason: string): Promise<GoneReason> {
    if (this.#isSilent) return new Promise(() => {});
    if (this.#removed || this.#isDetached) return { text: reason, outOfMemory: false };
    for (let tries = 0; !this.#channel.isBroken && tries < GONE_TRIES; tries++) {
      const known = await this.#engine.whyGone(this.ref);
      if (known) {
        this.#loss.reason = known.text;
        return known;
      }
      await new Promise((resolve) => setTimeout(resolve, GONE_SETTLE_MS));
    }
    // The container runs, but its channel is broken: nothing in it can be trusted or reached any more.
    await this.#giveUp(reason);
    return { text: reason, outOfMemory: false };
  }
}

function newChannel(): { channel: Channel; loss: Loss } {
  const loss: Loss = { reason: undefined };
  return { channel: new Channel((reason) => (loss.reason ??= reason)), loss };
}

function firstNote(spec: SandboxSpec): Note {
  const { image, network, memory, cpus, leaseMs, workspace } = spec;
  const folder = workspace && `${workspace.path}${workspace.readOnly ? ":ro" : ""}`.slice(0, 1024);
  const summary = { image: image.slice(0, 512), network, memory, cpus, leaseMs };
  return { handle: newHandle(), createdAt: Date.now(), ...summary, ...(folder ? { workspace: folder } : {}) };
}
