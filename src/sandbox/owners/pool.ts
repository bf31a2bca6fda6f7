import { PodexecError, toPodexecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { Sandbox } from "../sandbox.ts";

export interface PoolOptions {
  /** How many sandboxes wait, started, for whoever comes. */
  size: number;
  create(signal: AbortSignal): Promise<Sandbox>;
  log: Log;
}

/** A start beside the first command of whoever just took a sandbox would slow that command down. */
const REFILL_AFTER_MS = 50;

/** Sandboxes started ahead. Each is handed out once; what is handed out is replaced in the background. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #ready: Sandbox[] = [];
  readonly #closing = new AbortController();
  readonly #starting = new Set<Promise<void>>();
  #refill: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get ready(): number {
    return this.#ready.length;
  }

  /** Starts what is missing, in the background. */
  fill(): void {
    while (!this.#closing.signal.aborted && this.#ready.length + this.#starting.size < this.#options.size) {
      const starting = this.#startOne().finally(() => this.#starting.delete(starting));
      this.#starting.add(starting);
    }
  }

  /** A sandbox for one owner: one that waits, or a new one. @throws PodexecError as `Engine.create` */
  async take(): Promise<Sandbox> {
    if (this.#closing.signal.aborted) throw new PodexecError("INTERRUPTED", "the server is stopping");
    const ready = await this.#nextAlive();
    const sandbox = ready ?? (await this.#options.create(this.#closing.signal));
    this.#fillSoon();
    return sandbox;
  }

  /** Removes all that wait and starts no more. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#refill);
    await Promise.allSettled(this.#starting);
    await Promise.allSettled(this.#ready.splice(0).map((sandbox) => sandbox.remove()));
  }

  async #nextAlive(): Promise<Sandbox | undefined> {
    for (let ready = this.#ready.shift(); ready; ready = this.#ready.shift()) {
      await ready.settled();
      if (ready.gone === undefined) return ready;
      void ready.remove().catch((error: unknown) => this.#options.log.warn(`pool: ${String(error)}`));
    }
    return undefined;
  }

  #fillSoon(): void {
    this.#refill ??= setTimeout(() => {
      this.#refill = undefined;
      this.fill();
    }, REFILL_AFTER_MS);
  }

  async #startOne(): Promise<void> {
    try {
      const sandbox = await this.#options.create(this.#closing.signal);
      if (this.#closing.signal.aborted) await sandbox.remove();
      else this.#ready.push(sandbox);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#options.log.warn(`pool: a sandbox could not be started: ${toPodexecError(error).message}`);
    }
  }
}
