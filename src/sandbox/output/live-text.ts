import type { Mask } from "./mask.ts";
import { cutPage } from "./page.ts";

/** Output as it comes, as text: what may be part of a character or a secret waits for what follows it. */
export class LiveText {
  readonly #mask: () => Mask;
  #bytes: Buffer = Buffer.alloc(0);
  /** How many of the bytes have been told; they tell whether what follows is part of a secret. */
  #told = 0;

  constructor(mask: () => Mask) {
    this.#mask = mask;
  }

  push(bytes: Uint8Array): string {
    const mask = this.#mask();
    const all = Buffer.concat([this.#bytes, bytes]);
    const options = { from: this.#told, limit: all.length + 1, mask, isTerminal: false };
    const { text, next } = cutPage({ bytes: all, at: 0, isEnd: false }, options);
    const begin = Math.max(0, next - mask.longest);
    this.#bytes = all.subarray(begin);
    this.#told = next - begin;
    return text;
  }
}
