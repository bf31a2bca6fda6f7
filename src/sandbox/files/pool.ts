/** The few connections to a sandbox's workers for files: opened when needed, kept while they are used. */
import { PodexecError } from "../../errors.ts";
import { FilesLink, type Asked, type OpenWorker } from "./link.ts";
import type { Fields } from "./wire.ts";

/** Requests at once; more wait for their turn. */
const MOST = 4;
const IDLE_MS = 30_000;
const WAIT_MS = 30_000;

interface Waiter {
  resolve(link: FilesLink | undefined): void;
  reject(error: unknown): void;
}

export class FilesPool {
  readonly #open: OpenWorker;
  readonly #idle: FilesLink[] = [];
  readonly #waiters: Waiter[] = [];
  #used = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(open: OpenWorker) {
    this.#open = open;
  }

  /** Requests that run or wait for their turn. */
  get running(): number {
    return this.#used + this.#waiters.length;
  }

  /**
   * Asks on a free connection. What is safe is asked again where a kept connection turns out to be gone.
   *
   * @throws FileFailed, PodexecError as `FilesLink.ask` and `openStream`; SANDBOX_BUSY where none gets free in time
   */
  async ask(asked: Asked): Promise<Fields> {
    const link = await this.take(asked.signal);
    const wasUsed = link.hasAnswered;
    try {
      link.hasAnswered = false;
      return await link.ask(asked);
    } catch (error) {
      const isLost = error instanceof PodexecError && error.code === "SANDBOX_GONE";
      if (!isLost || !wasUsed || link.hasAnswered || !asked.isSafe) throw error;
    } finally {
      this.give(link);
    }
    return this.ask(asked);
  }

  /** A connection for one request; it has to be given back. */
  async take(signal?: AbortSignal): Promise<FilesLink> {
    if (signal?.aborted) throw new PodexecError("CANCELLED", "the call was cancelled");
    let link = this.#reusable();
    if (!link && this.#used >= MOST) link = await this.#turn(signal);
    else this.#used++;
    if (link && !link.isBroken) return link;
    try {
      return await FilesLink.open(this.#open);
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  give(link: FilesLink): void {
    if (link.isBroken) return this.#release();
    const waiter = this.#waiters.shift();
    if (waiter) return waiter.resolve(link);
    this.#used--;
    this.#idle.push(link);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.close(), IDLE_MS);
    this.#timer.unref();
  }

  /** Closes the connections that nobody uses. */
  close(): void {
    clearTimeout(this.#timer);
    for (const link of this.#idle.splice(0)) link.close();
  }

  #reusable(): FilesLink | undefined {
    for (let link = this.#idle.pop(); link; link = this.#idle.pop()) if (!link.isBroken) return link;
    return undefined;
  }

  /** A place that became free, with the connection that had it, if that is still good. */
  #release(): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter.resolve(undefined);
    else this.#used--;
  }

  #turn(signal?: AbortSignal): Promise<FilesLink | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<FilesLink | undefined>();
    const waiter = { resolve, reject };
    this.#waiters.push(waiter);
    const leave = (error: PodexecError) => {
      const at = this.#waiters.indexOf(waiter);
      if (at >= 0) this.#waiters.splice(at, 1);
      if (at >= 0) reject(error);
    };
    const cancel = () => leave(new PodexecError("CANCELLED", "the call was cancelled"));
    const busy = () => leave(new PodexecError("SANDBOX_BUSY", `${MOST} other requests about files take their time`));
    const timer = setTimeout(busy, WAIT_MS);
    signal?.addEventListener("abort", cancel, { once: true });
    return promise.finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    });
  }
}
