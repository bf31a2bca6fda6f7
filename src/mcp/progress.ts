/** Carries output to a client that asked for progress, without ever flooding it. */

const INTERVAL_MS = 200;
/** Clients give up on a request without a sign of life; Claude Code after five minutes, others after one. */
const HEARTBEAT_MS = 5_000;
const MAX_MESSAGE = 4_096;

export class ProgressFeed {
  readonly #tell: (done: number, message: string) => void;
  readonly #heartbeat: ReturnType<typeof setInterval>;
  readonly #startedAt = Date.now();
  #pending = "";
  #steps = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param tell gets a number that only rises, and a message of at most 4 KiB */
  constructor(tell: (done: number, message: string) => void) {
    this.#tell = tell;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  /** Output as it comes; told together with what follows shortly after. */
  push(text: string): void {
    this.#pending = (this.#pending + text).slice(-MAX_MESSAGE);
    this.#timer ??= setTimeout(() => this.flush(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
  }

  /** Tells at once what is pending. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending === "") return;
    this.#tell(++this.#steps, this.#pending);
    this.#pending = "";
  }

  #beat(): void {
    const seconds = Math.round((Date.now() - this.#startedAt) / 1000);
    this.#tell(++this.#steps, `running for ${seconds} s`);
  }
}
