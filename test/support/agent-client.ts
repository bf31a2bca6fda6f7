/** podexec's side of the agent's protocol, bare: for tests of the agent itself. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import {
  decodeAck,
  decodeBye,
  decodeData,
  decodeError,
  decodeExited,
  decodeHello,
  decodeListed,
  decodeOutput,
  decodeProcess,
  decodeStarted,
  type AgentError,
  type Data,
  type Exited,
  type Hello,
  type Listed,
  type Process,
} from "../../src/sandbox/agent/frames-answers.ts";
import {
  encodeAttach,
  encodeKill,
  encodeNote,
  encodeRead,
  encodeStart,
  type AttachOptions,
  type StartOptions,
} from "../../src/sandbox/agent/frames-requests.ts";
import { encodeFrame, FrameDecoder, FrameType, type Frame } from "../../src/sandbox/agent/frames-wire.ts";

/** One connection to an agent. */
export class Client {
  readonly hello: Promise<Hello>;
  readonly closed: Promise<void>;
  /** Every frame that came, oldest first. */
  readonly frames: Frame[] = [];
  bye: string | undefined;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  #waiting: { match: (frame: Frame) => boolean; resolve: (frame: Frame) => void }[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(new Uint8Array(chunk)));
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
    const first = this.next((frame) => frame.type === FrameType.AGENT_HELLO);
    this.hello = first.then((frame) => decodeHello(frame.payload));
    this.hello.catch(() => undefined);
  }

  #receive(chunk: Uint8Array): void {
    for (const frame of this.#decoder.push(chunk)) {
      this.frames.push(frame);
      if (frame.type === FrameType.BYE) this.bye = decodeBye(frame.payload);
      const answered = this.#waiting.filter(({ match }) => match(frame));
      this.#waiting = this.#waiting.filter((waiting) => !answered.includes(waiting));
      for (const { resolve } of answered) resolve(frame);
    }
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  request(type: number, id: bigint, payload?: Uint8Array): void {
    this.send(encodeFrame(type, id, payload));
  }

  /** The next frame that matches and comes from now on. */
  next(match: (frame: Frame) => boolean, limit = 15_000): Promise<Frame> {
    const coming = new Promise<Frame>((resolve) => this.#waiting.push({ match, resolve }));
    return within(
      coming,
      limit,
      () =>
        `no such frame; last: ${this.frames
          .slice(-3)
          .map((frame) => frame.type)
          .join()}`,
    );
  }

  start(options: StartOptions | string, id: bigint = newId()): Running {
    const whole = typeof options === "string" ? { args: ["/bin/sh", "-c", options] } : options;
    const running = new Running(this, id);
    this.request(FrameType.START, id, encodeStart({ head: 100_000, tail: 100_000, ...whole }));
    return running;
  }

  /** Starts a shell script and waits for its end. */
  async run(script: string, options: Partial<StartOptions> = {}): Promise<{ exited: Exited; text: string }> {
    const running = this.start({ args: ["/bin/sh", "-c", script], ...options });
    const exited = await running.exited;
    return { exited, text: running.text };
  }

  attach(id: bigint, options: AttachOptions): Running {
    const running = new Running(this, id);
    this.request(FrameType.ATTACH, id, encodeAttach(options));
    return running;
  }

  async read(id: bigint, offset: bigint, length: number): Promise<Data> {
    const answer = this.next((frame) => frame.type === FrameType.DATA && frame.id === id);
    this.request(FrameType.READ, id, encodeRead(offset, length));
    return decodeData((await answer).payload);
  }

  async list(): Promise<Listed[]> {
    const from = this.frames.length;
    const end = this.next((frame) => frame.type === FrameType.LISTED && frame.id === 0n);
    this.request(FrameType.LIST, 0n);
    await end;
    const listed = this.frames.slice(from).filter((frame) => frame.type === FrameType.LISTED && frame.id !== 0n);
    return listed.map((frame) => decodeListed(frame)).filter((entry) => entry !== undefined);
  }

  /** What runs in the sandbox. */
  async processes(): Promise<Process[]> {
    const id = newId();
    const from = this.frames.length;
    const end = this.next(({ type, id: of, payload }) => type === FrameType.PROCESS && of === id && !payload.length);
    this.request(FrameType.PROCESSES, id);
    await end;
    const frames = this.frames.slice(from).filter((frame) => frame.type === FrameType.PROCESS && frame.id === id);
    return frames.map(({ payload }) => decodeProcess(payload)).filter((process) => process !== undefined);
  }

  note(text: string): void {
    this.request(FrameType.NOTE, 0n, encodeNote(new TextEncoder().encode(text)));
  }

  async ping(): Promise<void> {
    const answer = this.next((frame) => frame.type === FrameType.PONG);
    this.request(FrameType.PING, 0n);
    await answer;
  }

  /** Stops reading, so that the agent cannot get rid of what it has for us. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One command as its connection sees it. */
export class Running {
  readonly id: bigint;
  readonly started: Promise<number>;
  readonly exited: Promise<Exited>;
  readonly error: Promise<AgentError>;
  readonly #client: Client;
  readonly #from: number;

  constructor(client: Client, id: bigint) {
    this.id = id;
    this.#client = client;
    this.#from = client.frames.length;
    const first = (type: number) => client.next((frame) => frame.type === type && frame.id === id, 60_000);
    this.started = first(FrameType.STARTED).then((frame) => decodeStarted(frame.payload));
    this.exited = first(FrameType.EXITED).then((frame) => decodeExited(frame.payload));
    this.error = first(FrameType.AGENT_ERROR).then((frame) => decodeError(frame.payload));
    for (const promise of [this.started, this.exited, this.error]) promise.catch(() => undefined);
  }

  #own(type: number): Frame[] {
    return this.#client.frames.slice(this.#from).filter((frame) => frame.type === type && frame.id === this.id);
  }

  /** The pushed pieces of output, in order. */
  get pieces(): { offset: number; data: Uint8Array }[] {
    return this.#own(FrameType.OUTPUT).map((frame) => decodeOutput(frame.payload));
  }

  get output(): Buffer {
    return Buffer.concat(this.pieces.map((piece) => piece.data));
  }

  get text(): string {
    return this.output.toString();
  }

  get acknowledged(): number {
    return Math.max(0, ...this.#own(FrameType.INPUT_ACK).map((frame) => decodeAck(frame.payload)));
  }

  request(type: number, payload?: Uint8Array): void {
    this.#client.request(type, this.id, payload);
  }

  /** KILL, and the EXITED that follows. */
  async kill(graceMs: number): Promise<Exited> {
    const end = this.#client.next((frame) => frame.type === FrameType.EXITED && frame.id === this.id);
    this.request(FrameType.KILL, encodeKill(graceMs));
    return decodeExited((await end).payload);
  }
}

export function newId(): bigint {
  return randomBytes(8).readBigUInt64LE() || 1n;
}

async function within<T>(promise: Promise<T>, limit: number, message: () => string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), limit);
    timer.unref();
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
