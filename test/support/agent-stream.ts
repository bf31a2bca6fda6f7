/** A connection with a purpose, bare: the agent's answers, then raw bytes. */
import { connect, type Socket } from "node:net";
import { decodeError, type AgentError } from "../../src/sandbox/agent/frames-answers.ts";
import { encodeHello, type Purpose } from "../../src/sandbox/agent/frames-requests.ts";
import { FrameDecoder, FrameType, type Frame } from "../../src/sandbox/agent/frames-wire.ts";
import { until } from "./agent-harness.ts";

export class AgentStream implements Disposable {
  /** The frames before the raw bytes. */
  readonly frames: Frame[] = [];
  readonly socket: Socket;
  hasEnded = false;
  isClosed = false;
  received = 0;
  readonly #decoder = new FrameDecoder();
  readonly #chunks: Buffer[] = [];
  #keep: number;

  /** @param options.keep bytes that are kept for `text`; the rest is only counted */
  constructor(path: string, options: { keep?: number } = {}) {
    this.#keep = options.keep ?? 1 << 20;
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.socket.on("error", () => undefined);
    this.socket.on("end", () => (this.hasEnded = true));
    this.socket.on("close", () => (this.isClosed = true));
  }

  #has(type: number): boolean {
    return this.frames.some((frame) => frame.type === type);
  }

  get isOpen(): boolean {
    return this.#has(FrameType.OPENED);
  }

  get error(): AgentError | undefined {
    const found = this.frames.find((frame) => frame.type === FrameType.AGENT_ERROR);
    return found && decodeError(found.payload);
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }

  #receive(chunk: Buffer): void {
    if (this.isOpen) return this.#raw(chunk);
    this.frames.push(...this.#decoder.push(new Uint8Array(chunk), (frame) => frame.type === FrameType.OPENED));
    if (this.isOpen) this.#raw(Buffer.from(this.#decoder.rest()));
  }

  #raw(bytes: Buffer): void {
    this.received += bytes.length;
    if (this.#keep > 0) this.#chunks.push(bytes);
    this.#keep -= bytes.length;
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** Sends HELLO and waits for OPENED or an ERROR. */
  async open(purpose: Purpose): Promise<this> {
    this.write(encodeHello(1, purpose));
    await until(() => this.isOpen || this.error !== undefined || this.isClosed, "an answer to HELLO");
    return this;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
