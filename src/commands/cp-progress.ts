/** How far a copy is, and what it left out. */
import { shownPath } from "../sandbox/files/errors.ts";
import type { Input, Output, VerbContext } from "./command.ts";

const PATIENCE_MS = 1_000;
const EVERY_MS = 200;
const MOST_NAMED = 20;

export class Copying {
  readonly signal: AbortSignal;
  readonly stdin: Input;
  readonly stdout: Output;
  leftOut = 0;
  readonly #context: Pick<VerbContext, "io" | "log">;
  readonly #startedAt = performance.now();
  #shownAt = 0;
  #files = 0;
  #bytes = 0;

  constructor(context: Pick<VerbContext, "io" | "log" | "signal">) {
    this.#context = context;
    this.signal = context.signal;
    this.stdin = context.io.stdin;
    this.stdout = context.io.stdout;
  }

  /** Bytes that were copied; on a terminal it is shown where it takes its time. */
  moved(bytes: number): void {
    this.#bytes += bytes;
    const now = performance.now();
    if (now - this.#startedAt < PATIENCE_MS || now - this.#shownAt < EVERY_MS) return;
    if (!this.#context.io.stderr.isTerminal) return;
    this.#shownAt = now;
    const speed = this.#bytes / ((now - this.#startedAt) / 1000);
    const files = this.#files > 0 ? `${this.#files} files, ` : "";
    void this.#write(`\r\u001b[K${files}${megabytes(this.#bytes)} MB, ${megabytes(speed)} MB/s`);
  }

  /** A file is copied. */
  finished(): void {
    this.#files++;
  }

  /** Names what is not copied. */
  leaveOut(path: string, why: string): void {
    if (++this.leftOut <= MOST_NAMED) this.#context.log.warn(`left out ${shownPath(path)}: ${why}`);
  }

  /** Passes pieces on and counts them. */
  async *counted(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.signal.throwIfAborted();
      yield piece;
      this.moved(piece.length);
    }
  }

  end(): void {
    if (this.#shownAt > 0) void this.#write("\r\u001b[K");
    const more = this.leftOut - MOST_NAMED;
    if (more > 0) this.#context.log.warn(`left out ${more} more`);
  }

  /** A terminal that has gone is no reason to stop. */
  #write(text: string): Promise<void> {
    return this.#context.io.stderr.write(text).catch(() => {});
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
