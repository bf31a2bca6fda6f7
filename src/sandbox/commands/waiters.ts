/** Those who wait for something to become true. */

export interface WaitOptions {
  /** Milliseconds. */
  waitMs: number;
  /** Ends the wait early. */
  signal?: AbortSignal | undefined;
}

export class Waiters {
  readonly #wakers = new Set<() => void>();

  /** Something has changed: who waits for it looks again. */
  wake(): void {
    for (const wake of this.#wakers) wake();
  }

  /** Resolves when it holds, when the time is over or when the signal is aborted. */
  async until(holds: () => boolean, { waitMs, signal }: WaitOptions): Promise<void> {
    if (holds() || waitMs <= 0 || signal?.aborted) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let done = () => {};
    const wake = () => (holds() ? done() : undefined);
    await new Promise<void>((resolve) => {
      done = resolve;
      this.#wakers.add(wake);
      if (waitMs < Infinity) timer = setTimeout(done, waitMs);
      signal?.addEventListener("abort", done, { once: true });
    });
    clearTimeout(timer);
    signal?.removeEventListener("abort", done);
    this.#wakers.delete(wake);
  }
}
