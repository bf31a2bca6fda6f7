/** The conversation with one sandbox's agent: many commands over one byte stream. */
import { randomBytes } from "node:crypto";
import { PodexecError } from "../errors.ts";
import type { Connection, Engine, SandboxRef } from "./engine.ts";
import {
  decodeAck,
  decodeBye,
  decodeData,
  decodeError,
  decodeExited,
  decodeHello,
  decodeOutput,
  type AgentError,
  type Data,
  type Exited,
  type Hello,
} from "./frames-answers.ts";
import { encodeHello, encodeKill, encodeRead, encodeStart, type StartOptions } from "./frames-requests.ts";
import { encodeFrame, FrameDecoder, FrameType, INPUT_WINDOW, PROTOCOL_VERSION, type Frame } from "./frames-wire.ts";

const HELLO_LIMIT_MS = 10_000;
const READ_LIMIT_MS = 10_000;
const INPUT_CHUNK = 65_536;

/** What a command's frames are handed to. */
export interface CommandHandlers {
  onOutput(offset: number, bytes: Uint8Array): void;
  onExited(exited: Exited): void;
  onError(error: AgentError): void;
  /** The channel ended before the command did. */
  onLost(reason: string): void;
}

interface Command {
  handlers: CommandHandlers;
  acknowledged: number;
  onAcknowledged: (() => void) | undefined;
  onData: ((data: Data) => void)[];
}

export class Channel {
  readonly #decoder = new FrameDecoder();
  readonly #commands = new Map<bigint, Command>();
  #connection: Connection | undefined;
  #lease: ReturnType<typeof setInterval> | undefined;
  #onHello: ((hello: Hello) => void) | undefined;
  #onNoHello: ((reason: string) => void) | undefined;
  #farewell = "the connection to its agent ended";
  #isClosed = false;
  #isBroken = false;
  readonly #onClose: (reason: string) => void;

  /** @param onClose called once when the conversation is over, with the reason that is known here */
  constructor(onClose: (reason: string) => void) {
    this.#onClose = onClose;
  }

  /**
   * Connects to a sandbox's agent and greets it.
   *
   * @param leaseMs the sandbox's lease; a third of it is the interval of the signs of life
   * @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL
   */
  async open(engine: Engine, ref: SandboxRef, leaseMs: number): Promise<Hello> {
    this.#connection = await engine.connect(ref, {
      onData: (bytes) => this.#receive(bytes),
      onClose: () => this.#end(),
    });
    const greeted = new Promise<Hello>((resolve, reject) => {
      this.#onHello = resolve;
      this.#onNoHello = (reason) => reject(new PodexecError("SANDBOX_GONE", `sandbox ${ref.name}: ${reason}`));
      if (this.#isClosed) this.#onNoHello(this.#farewell);
    });
    this.#connection.send(encodeHello(PROTOCOL_VERSION));
    const hello = await within(greeted, HELLO_LIMIT_MS, () => notAnswering(ref));
    if (hello.version !== PROTOCOL_VERSION) {
      this.close();
      throw new PodexecError("AGENT_PROTOCOL", `the agent of ${ref.name} speaks protocol ${hello.version}`);
    }
    this.#lease = setInterval(() => this.#send(FrameType.PING, 0n), Math.max(leaseMs / 3, 50));
    (this.#lease as { unref?: () => void }).unref?.();
    return hello;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** What the agent sent could not be understood: the sandbox may run, but nothing it says counts any more. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Starts a command. @returns its id, with which the other methods name it */
  start(options: StartOptions, handlers: CommandHandlers): bigint {
    const id = randomBytes(8).readBigUInt64LE() || 1n;
    const payload = encodeStart(options);
    if (this.#isClosed) {
      handlers.onLost(this.#farewell);
      return id;
    }
    this.#commands.set(id, { handlers, acknowledged: 0, onAcknowledged: undefined, onData: [] });
    this.#send(FrameType.START, id, payload);
    return id;
  }

  /** Gives a command its whole standard input, no faster than it takes it, and then ends it. */
  async input(id: bigint, bytes: Uint8Array): Promise<void> {
    const command = this.#commands.get(id);
    for (let sent = 0; command && sent < bytes.length && this.#commands.has(id);) {
      const room = INPUT_WINDOW - (sent - command.acknowledged);
      if (room <= 0) {
        await new Promise<void>((resolve) => (command.onAcknowledged = resolve));
        continue;
      }
      const chunk = bytes.subarray(sent, sent + Math.min(room, INPUT_CHUNK));
      this.#send(FrameType.INPUT, id, chunk);
      sent += chunk.length;
    }
    this.#send(FrameType.INPUT_END, id);
  }

  /** Ends a command's whole tree: SIGTERM, after `graceMs` SIGKILL. Its handlers hear of the end. */
  kill(id: bigint, graceMs: number): void {
    this.#send(FrameType.KILL, id, encodeKill(graceMs));
  }

  /** Reads a part of a command's output. @param offset bytes from the start; @param length at most this many bytes */
  async read(id: bigint, offset: bigint, length: number): Promise<Data> {
    const command = this.#commands.get(id);
    if (!command) throw new PodexecError("SANDBOX_GONE", this.#farewell);
    const answered = new Promise<Data>((resolve) => command.onData.push(resolve));
    this.#send(FrameType.READ, id, encodeRead(offset, length));
    return within(answered, READ_LIMIT_MS, () => new PodexecError("AGENT_PROTOCOL", "the agent does not answer"));
  }

  /** Forgets a finished command here and in the agent; its output file stays. */
  forget(id: bigint): void {
    if (this.#commands.delete(id)) this.#send(FrameType.FORGET, id);
  }

  close(): void {
    this.#connection?.close();
    this.#end();
  }

  #send(type: number, id: bigint, payload?: Uint8Array): void {
    if (!this.#isClosed) this.#connection?.send(encodeFrame(type, id, payload));
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      for (const frame of this.#decoder.push(bytes)) this.#dispatch(frame);
    } catch (error) {
      // Whatever a hostile agent sends ends its own sandbox's channel and nothing else.
      this.#isBroken = true;
      this.#farewell = `its agent broke the protocol (${error instanceof Error ? error.message : "unreadable"})`;
      this.close();
    }
  }

  #dispatch(frame: Frame): void {
    if (frame.type === FrameType.AGENT_HELLO) return this.#onHello?.(decodeHello(frame.payload));
    if (frame.type === FrameType.BYE) {
      this.#farewell = FAREWELLS[decodeBye(frame.payload)] ?? "its agent ended";
      return;
    }
    const command = this.#commands.get(frame.id);
    if (command) dispatchToCommand(frame, command);
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#lease);
    const lost = [...this.#commands.values()];
    this.#commands.clear();
    for (const command of lost) {
      command.onAcknowledged?.();
      command.handlers.onLost(this.#farewell);
    }
    this.#onNoHello?.(this.#farewell);
    this.#onClose(this.#farewell);
  }
}

const FAREWELLS: Record<string, string> = {
  lease: "it ended itself because podexec gave no sign of life",
  shutdown: "podexec shut it down",
  signal: "its container was stopped from outside",
};

function dispatchToCommand(frame: Frame, command: Command): void {
  switch (frame.type) {
    case FrameType.OUTPUT: {
      const output = decodeOutput(frame.payload);
      return command.handlers.onOutput(output.offset, output.data);
    }
    case FrameType.INPUT_ACK:
      command.acknowledged = decodeAck(frame.payload);
      return command.onAcknowledged?.();
    case FrameType.DATA:
      return command.onData.shift()?.(decodeData(frame.payload));
    case FrameType.EXITED:
      return command.handlers.onExited(decodeExited(frame.payload));
    case FrameType.AGENT_ERROR:
      return command.handlers.onError(decodeError(frame.payload));
  }
}

function notAnswering(ref: SandboxRef): PodexecError {
  return new PodexecError("AGENT_PROTOCOL", `the agent of ${ref.name} does not answer`);
}

async function within<T>(promise: Promise<T>, limitMs: number, error: () => PodexecError): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error()), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
