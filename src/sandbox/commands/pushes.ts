/** What the agent pushes of a command's output unasked, and how much of it that may be. */
import { ProtocolError } from "../agent/frames-wire.ts";
import { OutputCollector } from "../output/output.ts";

/** What is pushed after ATTACH: enough to wake whoever waits; all else is read. */
const WAKE_BYTES = 4_096;

export interface Head {
  /** Bytes that START asked for, head and tail together. */
  limit: number;
  /** Output as it comes, within the head. */
  onOutput?: ((bytes: Uint8Array) => void) | undefined;
}

export class Pushes {
  #collector: OutputCollector | undefined;
  #onOutput: Head["onOutput"];
  #allowance: number;
  /** Up to where in the output the agent pushes by itself. */
  #until: number;
  /** Up to where in the output it was pushed. */
  #pushed = 0;
  readonly #tail: number;

  constructor(head: Head = { limit: 0 }) {
    this.#collector = head.limit > 0 ? new OutputCollector(head.limit) : undefined;
    this.#onOutput = head.onOutput;
    this.#allowance = head.limit;
    this.#until = Math.ceil(head.limit / 2);
    this.#tail = head.limit - this.#until;
  }

  /** All that was pushed since the start; undefined where it was not held. */
  get collector(): OutputCollector | undefined {
    return this.#collector;
  }

  /** @throws ProtocolError where it is more than was asked for */
  take(offset: number, bytes: Uint8Array): void {
    this.#allowance -= bytes.length;
    if (this.#allowance < 0) throw new ProtocolError("OUTPUT exceeds what was asked for");
    this.#pushed = Math.max(this.#pushed, offset + bytes.length);
    this.#collector?.push(offset, bytes);
    this.#onOutput?.(bytes);
  }

  /** Whether the byte at this offset comes unasked. */
  reaches(offset: number): boolean {
    return offset < this.#until;
  }

  /** @returns what to attach with, so that what is written from an offset on is pushed */
  from(offset: number): { offset: number; head: number; tail: number } {
    this.#until = offset + WAKE_BYTES;
    this.#allowance += WAKE_BYTES;
    // From here on what is pushed is neither the head nor the tail.
    this.#collector = undefined;
    return { offset, head: WAKE_BYTES, tail: 0 };
  }

  /** @param known bytes of output @returns what to attach with on another connection, so that nothing is missed or comes twice */
  again(known: number): { offset: number; head: number; tail: number } {
    if (!this.#collector) return this.from(known);
    return { offset: this.#pushed, head: Math.max(0, this.#until - this.#pushed), tail: this.#tail };
  }

  /** Nobody wants it any more. */
  letGo(): void {
    this.#collector = undefined;
    this.#onOutput = undefined;
  }
}
