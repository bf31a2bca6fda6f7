/** Standard input on its way to a command: no more than the agent takes, and held until it has taken it. */
import { FrameType, INPUT_WINDOW } from "./frames-wire.ts";

const INPUT_CHUNK = 65_536;

export class InputWindow {
  readonly #send: (type: number, payload?: Uint8Array) => void;
  /** Sent and not acknowledged, in order; the first begins at `#from`. */
  #held: Uint8Array[] = [];
  #from = 0;
  #sent = 0;
  #acknowledged = 0;
  #waiting = 0;
  #hasEnded = false;
  #isStopped = false;
  #inputs: Promise<void> = Promise.resolve();
  #onAcknowledged: (() => void) | undefined;

  constructor(send: (type: number, payload?: Uint8Array) => void) {
    this.#send = send;
  }

  /** Bytes that the command has not taken. */
  get queued(): number {
    return this.#waiting + Math.max(0, this.#sent - this.#acknowledged);
  }

  /** The agent has received so many bytes from somebody else. */
  adopt(received = 0): void {
    this.#sent = this.#from = this.#acknowledged = received;
  }

  /** Resolves when all of it is sent. */
  push(bytes: Uint8Array): Promise<void> {
    this.#waiting += bytes.length;
    this.#inputs = this.#inputs.then(() => this.#pour(bytes));
    return this.#inputs;
  }

  /** No more follows what was given. */
  end(): Promise<void> {
    this.#inputs = this.#inputs.then(() => this.#finish());
    return this.#inputs;
  }

  /** @param taken bytes that the command has taken in all */
  acknowledge(taken: number): void {
    this.#acknowledged = taken;
    // Another connection may have sent more than this one knows.
    if (taken > this.#sent) this.#sent = taken;
    for (let [first] = this.#held; first && this.#from + first.length <= taken; [first] = this.#held) {
      this.#from += first.length;
      this.#held.shift();
    }
    if (this.#held.length === 0) this.#from = this.#sent;
    this.#onAcknowledged?.();
  }

  /**
   * Sends again, on another connection, what did not arrive.
   *
   * @param received bytes that the agent has; undefined where it does not say: all of it
   */
  sendAgain(received = this.#sent): void {
    if (this.#isStopped) return;
    let at = this.#from;
    for (const piece of this.#held) {
      if (at + piece.length > received) this.#send(FrameType.INPUT, piece.subarray(Math.max(0, received - at)));
      at += piece.length;
    }
    // An end that comes twice is refused, and nobody asked.
    if (this.#hasEnded) this.#send(FrameType.INPUT_END);
  }

  /** The command takes nothing any more. */
  stop(): void {
    this.#isStopped = true;
    this.#held = [];
    this.#onAcknowledged?.();
  }

  #finish(): void {
    this.#hasEnded = true;
    if (!this.#isStopped) this.#send(FrameType.INPUT_END);
  }

  async #pour(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#isStopped;) {
      const room = INPUT_WINDOW - (this.#sent - this.#acknowledged);
      if (room <= 0) {
        await new Promise<void>((resolve) => (this.#onAcknowledged = resolve));
        continue;
      }
      const chunk = bytes.subarray(at, at + Math.min(room, INPUT_CHUNK));
      this.#send(FrameType.INPUT, chunk);
      this.#held.push(chunk);
      at += chunk.length;
      this.#sent += chunk.length;
      this.#waiting -= chunk.length;
    }
  }
}
