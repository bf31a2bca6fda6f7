/** Bytes as the agent's protocol lays them out, for tests that do not trust the product's own encoder. */
import { concat } from "../../src/sandbox/agent/frames-wire.ts";

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A field: tag, length, bytes. */
export const field = (tag: number, value: Uint8Array): Uint8Array => concat([bytes(tag), u(value.length, 4), value]);

/** A little-endian unsigned integer. */
export function u(value: number | bigint, width: 1 | 2 | 4 | 8): Uint8Array {
  const whole = new Uint8Array(8);
  new DataView(whole.buffer).setBigUint64(0, BigInt(value), true);
  return whole.subarray(0, width);
}
