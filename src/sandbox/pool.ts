import { toPodexecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Sandbox } from "./sandbox.ts";

export interface PoolOptions {
  /** How many sandboxes wait, started, for whoever comes. */
  size: number;
  create(signal: AbortSignal): Promise<Sandbox>;
  log: Log;
}

/** Sandboxes started ahead. Each is handed out once; what is handed out is replaced in the background. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #ready: Sandbox[] = [];
  readonly #closing = new AbortController();
  readonly #starting = new Set<Promise<void>>();

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
    this.#closing.signal.throwIfAborted();
    let ready = this.#ready.shift();
    while (ready?.gone !== undefined) {
      void ready.remove().catch((error: unknown) => this.#options.log.warn(`pool: ${String(error)}`));
      ready = this.#ready.shift();
    }
    const sandbox = ready ?? (await this.#options.create(this.#closing.signal));
    this.fill();
    return sandbox;
  }

  /** Removes all that wait and starts no more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#starting);
    await Promise.allSettled(this.#ready.splice(0).map((sandbox) => sandbox.remove()));
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
