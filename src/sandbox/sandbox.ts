import { PodexecError } from "../errors.ts";
import { Channel } from "./channel.ts";
import { Commands, type CommandRequest, type Outcome, type RunControl } from "./commands.ts";
import type { Connection, ConnectionHandlers, Engine, GoneReason, SandboxRef, SandboxSpec } from "./engine.ts";
import { Files } from "./files.ts";
import type { Purpose } from "./frames-requests.ts";
import { newHandle, nameOf } from "./handle.ts";
import { openStream } from "./stream.ts";

/** The connection ends a moment before Podman has written down why. */
const GONE_SETTLE_MS = 250;
const GONE_TRIES = 8;

/** One running sandbox and the channel to it. */
export class Sandbox {
  /** Names the sandbox to its caller: 128 bits that nobody can guess, worth something only with the right principal. */
  readonly handle: string;
  readonly ref: SandboxRef;
  /** What the sandbox's lock-down could not do, if anything. */
  warnings: readonly string[] = [];
  lastUsedAt = Date.now();
  readonly commands: Commands;
  readonly files: Files;
  readonly #engine: Engine;
  readonly #channel: Channel;
  #gone: string | undefined;
  #removed: Promise<void> | undefined;

  private constructor(engine: Engine, ref: SandboxRef, handle: string) {
    this.handle = handle;
    this.ref = ref;
    this.#engine = engine;
    this.#channel = new Channel((reason) => (this.#gone ??= reason));
    this.commands = new Commands(this.#channel, (reason) => this.#whyLost(reason));
    this.files = new Files((to, handlers) => this.open({ to }, handlers));
  }

  /** Creates a sandbox and greets its agent. @throws PodexecError as `Engine.create` and `Channel.open` */
  static async create(engine: Engine, spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    const sandbox = await Sandbox.#start(engine, spec, signal);
    try {
      sandbox.warnings = (await sandbox.#channel.open(engine, sandbox.ref, spec.leaseMs)).warnings;
      return sandbox;
    } catch (error) {
      await sandbox.remove();
      throw error;
    }
  }

  static async #start(engine: Engine, spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    const handle = newHandle();
    return new Sandbox(engine, await engine.create(spec, nameOf(handle), signal), handle);
  }

  /** Why it cannot be used any more; undefined while it can. */
  get gone(): string | undefined {
    return this.#gone;
  }

  get isBusy(): boolean {
    return this.commands.running > 0;
  }

  /**
   * Runs one command. A sandbox that is lost meanwhile is an outcome; afterwards `gone` is set.
   *
   * @throws PodexecError SANDBOX_GONE, SANDBOX_BUSY, AGENT_PROTOCOL
   */
  async run(request: CommandRequest, control: RunControl = {}): Promise<Outcome> {
    if (this.#gone) throw new PodexecError("SANDBOX_GONE", `the sandbox is gone: ${this.#gone}`);
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
  open(purpose: Exclude<Purpose, { to: "control" }>, handlers: ConnectionHandlers): Promise<Connection> {
    this.lastUsedAt = Date.now();
    return openStream(this.#engine, this.ref, purpose, handlers);
  }

  /** Why the sandbox was lost, in the engine's words where it knows better than the channel. */
  async explainLoss(): Promise<string | undefined> {
    if (this.#gone === undefined) return undefined;
    return (await this.#whyLost(this.#gone)).text;
  }

  /** Ends and removes the sandbox; again is no error. */
  remove(): Promise<void> {
    this.#gone ??= "podexec removed it";
    this.#removed ??= (async () => {
      this.#channel.close();
      await this.#engine.remove(this.ref);
    })();
    return this.#removed;
  }

  async #giveUp(reason: string): Promise<void> {
    this.#gone = reason;
    // What became of the command is the answer; a container that resists is removed again at the session's end.
    await this.remove().catch(() => (this.#removed = undefined));
  }

  async #whyLost(reason: string): Promise<GoneReason> {
    if (this.#removed) return { text: reason, outOfMemory: false };
    for (let tries = 0; !this.#channel.isBroken && tries < GONE_TRIES; tries++) {
      const known = await this.#engine.whyGone(this.ref);
      if (known) {
        this.#gone = known.text;
        return known;
      }
      await new Promise((resolve) => setTimeout(resolve, GONE_SETTLE_MS));
    }
    // The container runs, but its channel is broken: nothing in it can be trusted or reached any more.
    await this.#giveUp(reason);
    return { text: reason, outOfMemory: false };
  }
}
