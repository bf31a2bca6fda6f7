/** A file's bytes as they are taken: little is held, and the worker waits for whoever takes them. */
import { FileFailed, fileError } from "./errors.ts";
import type { Asked, FilesLink } from "./link.ts";
import type { FilesPool } from "./pool.ts";
import { ProtocolError } from "../agent/frames-wire.ts";
import { decodeInfo, type FileInfo } from "./wire.ts";

/** Bytes held: above the first the worker is made to wait, below the second it goes on. */
const MOST_HELD = 4 * 1024 * 1024;
const LEAST_HELD = 1024 * 1024;

/** A file that is being read: what it is, and its pieces. */
export interface FileStream {
  info: FileInfo;
  /** To be taken to its end or left (`return`): until then it keeps a connection. */
  pieces: AsyncGenerator<Uint8Array, void, void>;
}

/** Starts to read `most` bytes; rejects as `FilesPool.ask` where it cannot begin, and `pieces` where it cannot go on. */
export async function readStream(
  pool: FilesPool,
  asked: Asked,
  { path, most }: { path: string; most: number },
): Promise<FileStream> {
  const pieces = new Pieces(most);
  const { promise, resolve, reject } = Promise.withResolvers<FileInfo>();
  const hears: Partial<Asked> = {
    onLink: (link) => (pieces.link = link),
    onInfo: (fields) => resolve(decodeInfo(fields)),
    onChunk: (bytes) => pieces.push(bytes),
  };
  void pool.ask({ ...asked, ...hears, isSafe: true }).then(
    () => pieces.end(),
    (thrown: Error) => {
      const error = thrown instanceof FileFailed ? fileError(thrown, "read", path) : thrown;
      reject(error);
      pieces.end(error);
    },
  );
  return { info: await promise, pieces: pieces.take() };
}

class Pieces {
  link: FilesLink | undefined;
  readonly #most: number;
  #queue: Uint8Array[] = [];
  #total = 0;
  #held = 0;
  #isOver = false;
  #error: Error | undefined;
  #isPaused = false;
  #wake: () => void = () => {};

  constructor(most: number) {
    this.#most = most;
  }

  push(bytes: Uint8Array): void {
    this.#total += bytes.length;
    if (this.#total > this.#most) throw new ProtocolError(`more than the ${this.#most} bytes that were asked for`);
    this.#queue.push(bytes);
    this.#held += bytes.length;
    if (this.#held > MOST_HELD && !this.#isPaused) {
      this.#isPaused = true;
      this.link?.pause();
    }
    this.#wake();
  }

  end(error?: Error): void {
    this.#isOver = true;
    // From now on the connection is another request's.
    this.link = undefined;
    this.#error = error;
    this.#wake();
  }

  async *take(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (;;) {
        const piece = this.#queue.shift();
        if (piece) {
          this.#forget(piece.length);
          yield piece;
        } else if (this.#isOver) break;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      if (this.#error) throw this.#error;
    } finally {
      if (!this.#isOver) this.link?.close();
    }
  }

  #forget(length: number): void {
    this.#held -= length;
    if (!this.#isPaused || this.#held > LEAST_HELD) return;
    this.#isPaused = false;
    this.link?.resume();
  }
}
