/** The agent's protocol (images/agent/PROTOCOL.md) at its lowest: frames out of bytes, bytes out of frames. */

/** Frame types, podexec's below 64 and the agent's above. */
export const FrameType = {
  HELLO: 1,
  START: 2,
  INPUT: 3,
  INPUT_END: 4,
  SIGNAL: 5,
  KILL: 6,
  RESIZE: 7,
  READ: 8,
  ATTACH: 9,
  FORGET: 10,
  LIST: 11,
  PING: 12,
  SHUTDOWN: 13,
  NOTE: 14,
  PROCESSES: 15,
  AGENT_HELLO: 65,
  STARTED: 66,
  OUTPUT: 67,
  INPUT_ACK: 68,
  EXITED: 69,
  DATA: 70,
  LISTED: 71,
  PONG: 72,
  AGENT_ERROR: 73,
  BYE: 74,
  PROCESS: 75,
  OPENED: 76,
} as const;

export const PROTOCOL_VERSION = 1;
export const HEADER_SIZE = 16;
export const MAX_PAYLOAD = 262_144;
/** Bytes of standard input that may be unacknowledged, one command. */
export const INPUT_WINDOW = 262_144;

/** One frame; the payload may be a view of the chunk it came in. */
export interface Frame {
  readonly type: number;
  readonly id: bigint;
  readonly payload: Uint8Array;
}

/** The peer broke the protocol; the message names the field. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

const NOTHING = new Uint8Array(0);

/** One frame as bytes; throws a RangeError when the payload exceeds what a frame can hold. */
export function encodeFrame(type: number, id: bigint, payload: Uint8Array = NOTHING): Uint8Array {
  if (payload.length > MAX_PAYLOAD)
    throw new RangeError(`payload of ${payload.length} bytes: at most ${MAX_PAYLOAD} fit`);
  const frame = new Uint8Array(HEADER_SIZE + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint8(4, type);
  view.setBigUint64(8, id, true);
  frame.set(payload, HEADER_SIZE);
  return frame;
}

/** Turns a byte stream, cut anywhere, into frames. After a ProtocolError the stream cannot be used any more. */
export class FrameDecoder {
  #rest: Uint8Array = NOTHING;
  #parts: Uint8Array[] = [];
  #held = 0;
  #wanted = HEADER_SIZE;

  /**
   * The frames that this chunk completes. Their payloads may share the chunk's memory.
   *
   * @param isLast tells the frame after which no more are taken out: `rest` has what follows it
   */
  push(chunk: Uint8Array, isLast: (frame: Frame) => boolean = () => false): Frame[] {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return [];
    this.#rest = this.#parts.length === 1 ? chunk : concat(this.#parts, this.#held);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame; frame = this.#next()) {
      frames.push(frame);
      if (isLast(frame)) break;
    }
    this.#held = this.#rest.length;
    this.#parts = this.#held ? [this.#rest] : [];
    return frames;
  }

  /** What was received behind the last frame that was taken out. */
  rest(): Uint8Array {
    return this.#rest;
  }

  #next(): Frame | undefined {
    const rest = this.#rest;
    this.#wanted = HEADER_SIZE;
    if (rest.length < HEADER_SIZE) return undefined;
    const view = new DataView(rest.buffer, rest.byteOffset, HEADER_SIZE);
    const length = view.getUint32(0, true);
    if (length > MAX_PAYLOAD) throw new ProtocolError(`frame length ${length} exceeds ${MAX_PAYLOAD}`);
    const type = view.getUint8(4);
    if (view.getUint32(4, true) !== type) throw new ProtocolError("frame header bytes 5 to 7 are not zero");
    this.#wanted = HEADER_SIZE + length;
    if (rest.length < this.#wanted) return undefined;
    this.#rest = rest.subarray(this.#wanted);
    return { type, id: view.getBigUint64(8, true), payload: rest.subarray(HEADER_SIZE, this.#wanted) };
  }
}

/** Joins byte arrays. */
export function concat(
  parts: readonly Uint8Array[],
  total = parts.reduce((sum, part) => sum + part.length, 0),
): Uint8Array {
  const whole = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
