/** Back pressure on the streams of a child process. */
import type { Child } from "../runtime.ts";

/** Bytes on their way above which a sender is asked to wait. */
const ROOM = 1_048_576;

/** Writes to a child's standard input in order, and knows how much is on its way. */
export class PipeWriter {
  readonly #child: Child;
  #pending = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(child: Child) {
    this.#child = child;
  }

  /** Takes all of it; false asks to wait for `drained` before more is sent. */
  send(bytes: Uint8Array): boolean {
    this.#pending += bytes.length;
    // What cannot be written any more is followed by the end of the stream, which is where it is handled.
    const write = async () => {
      await this.#child.stdin.write(bytes).catch(() => {});
      this.#pending -= bytes.length;
    };
    this.#last = this.#pending === bytes.length ? write() : this.#last.then(write);
    return this.#pending < ROOM;
  }

  /** Resolves when all of it is written, or the child has ended. */
  async drained(): Promise<void> {
    await Promise.race([this.#last, this.#child.exited]);
  }

  /** Ends the child's input behind what was sent. */
  end(): void {
    void this.#last.then(() => this.#child.stdin.end()).catch(() => {});
  }
}

/** Holds a reader back while it is closed. */
export class Valve {
  #isClosed = false;
  #onOpen: (() => void) | undefined;
  #opening: Promise<void> = Promise.resolve();

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#opening = new Promise((resolve) => (this.#onOpen = resolve));
  }

  open(): void {
    this.#isClosed = false;
    this.#onOpen?.();
  }

  opened(): Promise<void> {
    return this.#opening;
  }
}
