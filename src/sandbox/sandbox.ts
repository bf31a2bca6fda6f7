import { randomBytes } from "node:crypto";
import { PodexecError } from "../errors.ts";
import { Channel } from "./channel.ts";
import { runCommand, type CommandRequest, type Outcome, type RunControl } from "./commands.ts";
import type { Engine, GoneReason, SandboxRef, SandboxSpec } from "./engine.ts";

/** The connection ends a moment before Podman has written down why. */
const GONE_SETTLE_MS = 250;
const GONE_TRIES = 8;

/** One running sandbox and the channel to it. */
export class Sandbox {
  /** Names the sandbox to its caller: 128 bits that nobody can guess, worth something only with the right principal. */
  readonly handle = `sbx_${randomBytes(16).toString("hex")}`;
  readonly ref: SandboxRef;
  /** What the sandbox's lock-down could not do, if anything. */
  warnings: readonly string[] = [];
  lastUsedAt = Date.now();
  readonly #engine: Engine;
  readonly #channel: Channel;
  #running = 0;
  #gone: string | undefined;
  #removed: Promise<void> | undefined;

  private constructor(engine: Engine, ref: SandboxRef) {
    this.ref = ref;
    this.#engine = engine;
    this.#channel = new Channel((reason) => (this.#gone ??= reason));
  }

  /** Creates a sandbox and greets its agent. @throws PodexecError as `Engine.create` and `Channel.open` */
  static async create(engine: Engine, spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    const sandbox = new Sandbox(engine, await engine.create(spec, signal));
    try {
      sandbox.warnings = (await sandbox.#channel.open(engine, sandbox.ref, spec.leaseMs)).warnings;
      return sandbox;
    } catch (error) {
      await sandbox.remove();
      throw error;
    }
  }

  /** Why it cannot be used any more; undefined while it can. */
  get gone(): string | undefined {
    return this.#gone;
  }

  get isBusy(): boolean {
    return this.#running > 0;
  }

  /**
   * Runs one command. A sandbox that is lost meanwhile is an outcome; afterwards `gone` is set.
   *
   * @throws PodexecError SANDBOX_GONE, SANDBOX_BUSY, AGENT_PROTOCOL
   */
  async run(request: CommandRequest, control: Omit<RunControl, "whyLost"> = {}): Promise<Outcome> {
    if (this.#gone) throw new PodexecError("SANDBOX_GONE", `the sandbox is gone: ${this.#gone}`);
    this.#running++;
    try {
      return await runCommand(this.#channel, request, { ...control, whyLost: (reason) => this.#whyLost(reason) });
    } catch (error) {
      if (error instanceof PodexecError && error.code === "AGENT_PROTOCOL") await this.#giveUp(error.message);
      throw error;
    } finally {
      this.#running--;
      this.lastUsedAt = Date.now();
    }
  }

  /** Why the sandbox was lost, in the engine's words where it knows better than the channel. */
  async explainLoss(): Promise<string | undefined> {
    if (this.#gone === undefined) return undefined;
    return (await this.#whyLost(this.#gone)).text;
  }

  /** Notes the session that uses it. */
  async assign(session: string): Promise<void> {
    await this.#engine.assign(this.ref, session);
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
