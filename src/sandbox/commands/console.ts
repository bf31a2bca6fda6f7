/** One command for a person: on a connection of its own, its output and input as they come, with back pressure. */
import { PodexecError } from "../../errors.ts";
import { commandName, newCommandId } from "./command-record.ts";
import type { Connection, Engine, SandboxRef } from "../engine.ts";
import {
  decodeAck,
  decodeBye,
  decodeError,
  decodeExited,
  decodeHello,
  decodeListed,
  decodeOutput,
  type AgentError,
  type Exited,
  type Hello,
  type Listed,
} from "../agent/frames-answers.ts";
import * as requests from "../agent/frames-requests.ts";
import {
  encodeFrame,
  FrameDecoder,
  FrameType,
  INPUT_WINDOW,
  PROTOCOL_VERSION,
  ProtocolError,
  type Frame,
} from "../agent/frames-wire.ts";
import { within } from "../agent/within.ts";

const ANSWER_LIMIT_MS = 10_000;
/** The agent knows no more. */
const MAX_LISTED = 256;
const INPUT_CHUNK = 65_536;
/** What is asked to be pushed; asked anew when half of it came, so that output has no end. */
const PUSHED = 2 ** 31;

export type ConsoleEnding = { exited: Exited } | { error: AgentError } | { lost: string };

export interface ConsoleOptions {
  /** The sandbox's lease; a tenth of it is the interval of the signs of life. */
  leaseMs: number;
  /** Takes output, and where in the whole it lies; false asks for a pause, until `resume`. */
  onOutput(bytes: Uint8Array, offset: number): boolean;
}

interface Greeted extends ConsoleOptions {
  greeting: Greeting;
  note: Uint8Array;
}

export class Console {
  /** What the sandbox's agent keeps about it, sealed (note.ts). */
  readonly note: Uint8Array;
  /** How the command ended, or why nobody can know. */
  readonly ended: Promise<ConsoleEnding>;
  readonly #connection: Connection;
  readonly #onOutput: ConsoleOptions["onOutput"];
  readonly #end: (ending: ConsoleEnding) => void;
  readonly #lease: ReturnType<typeof setInterval>;
  #id = 0n;
  #next = 0;
  #renewAt = PUSHED / 2;
  #sent = 0;
  #acknowledged = 0;
  #isOver = false;
  /** What an ERROR is about from then on is no START: input and signals may come too late. */
  #hasBegun = false;
  #onAcknowledged: () => void = () => {};
  #onListed: (row: Listed | undefined) => void = () => {};

  private constructor(connection: Connection, { leaseMs, onOutput, greeting, note }: Greeted) {
    this.#connection = connection;
    this.note = note;
    this.#onOutput = onOutput;
    let settle: (ending: ConsoleEnding) => void = () => {};
    this.ended = new Promise((resolve) => (settle = resolve));
    this.#end = (ending) => {
      this.#isOver = true;
      clearInterval(this.#lease);
      this.#onAcknowledged();
      settle(ending);
    };
    this.#lease = setInterval(() => this.#send(FrameType.PING), Math.max(leaseMs / 10, 50));
    greeting.onFrame = (frame) => this.#take(frame);
    greeting.onLost = (reason) => this.#end({ lost: reason });
    if (greeting.lost !== undefined) greeting.onLost(greeting.lost);
  }

  /** Connects to a sandbox's agent. @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL */
  static async open(engine: Engine, ref: SandboxRef, options: ConsoleOptions): Promise<Console> {
    const greeting = new Greeting();
    const connection = await engine.connect(ref, greeting);
    greeting.connection = connection;
    connection.send(requests.encodeHello(PROTOCOL_VERSION));
    try {
      const { note } = await within(greeting.heard, ANSWER_LIMIT_MS, notAnswering);
      return new Console(connection, { ...options, greeting, note: note.slice() });
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** The command's id, as tools name it. */
  get id(): string {
    return commandName(this.#id);
  }

  /** Starts a command; one console has one command. All its output comes, unless `head` and `tail` bound it. */
  start(options: requests.StartOptions): void {
    this.#id = newCommandId();
    if (options.head !== undefined) this.#renewAt = Infinity;
    this.#send(FrameType.START, requests.encodeStart({ head: PUSHED, tail: PUSHED, ...options }));
  }

  /** Joins a command that was started elsewhere; what it prints from now on comes here and nowhere else. */
  attach(id: bigint, offset: number): void {
    this.#id = id;
    this.#next = offset;
    this.#renewAt = offset + PUSHED / 2;
    this.#renew();
  }

  /** The commands that the agent knows. @throws PodexecError AGENT_PROTOCOL where it does not tell */
  list(): Promise<Listed[]> {
    const rows: Listed[] = [];
    const listed = new Promise<Listed[]>((resolve) => {
      this.#onListed = (row) => {
        if (row && rows.length < MAX_LISTED) rows.push({ ...row, kept: row.kept.slice() });
        else resolve(rows);
      };
    });
    this.#send(FrameType.LIST);
    return within(listed, ANSWER_LIMIT_MS, notAnswering);
  }

  /** Passes bytes on to the command's input, no faster than it takes them. */
  async input(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#isOver;) {
      const room = INPUT_WINDOW - (this.#sent - this.#acknowledged);
      if (room <= 0) {
        await new Promise<void>((resolve) => (this.#onAcknowledged = resolve));
        continue;
      }
      const chunk = bytes.subarray(at, at + Math.min(room, INPUT_CHUNK));
      this.#send(FrameType.INPUT, chunk);
      at += chunk.length;
      this.#sent += chunk.length;
    }
  }

  endInput(): void {
    this.#send(FrameType.INPUT_END);
  }

  resize(size: requests.TerminalSize): void {
    this.#send(FrameType.RESIZE, requests.encodeResize(size));
  }

  /** Sends a signal, by its Linux number, to the command's main process. */
  signal(number: number): void {
    this.#send(FrameType.SIGNAL, requests.encodeSignal(number));
  }

  /** Ends the command's whole tree: SIGTERM, after `graceMs` SIGKILL. */
  kill(graceMs: number): void {
    this.#send(FrameType.KILL, requests.encodeKill(graceMs));
  }

  /** Goes on after `onOutput` asked for a pause. */
  resume(): void {
    this.#connection.resume();
  }

  /** Ends the connection and nothing else: what runs in the sandbox goes on. */
  close(): void {
    this.#end({ lost: "the connection was closed" });
    this.#connection.close();
  }

  #send(type: number, payload?: Uint8Array): void {
    if (!this.#isOver) this.#connection.send(encodeFrame(type, this.#id, payload));
  }

  #renew(): void {
    const options = { offset: this.#next, head: PUSHED, tail: PUSHED };
    this.#send(FrameType.ATTACH, requests.encodeAttach(options));
  }

  #take(frame: Frame): void {
    if (frame.type === FrameType.LISTED) return this.#onListed(decodeListed(frame));
    if (frame.id !== this.#id || this.#isOver) return;
    if (frame.type === FrameType.AGENT_ERROR) {
      if (!this.#hasBegun) this.#end({ error: decodeError(frame.payload) });
      return;
    }
    this.#hasBegun = true;
    if (frame.type === FrameType.OUTPUT) this.#takeOutput(frame.payload);
    else if (frame.type === FrameType.INPUT_ACK) this.#takeAck(decodeAck(frame.payload));
    else if (frame.type === FrameType.EXITED) this.#end({ exited: decodeExited(frame.payload) });
  }

  #takeOutput(payload: Uint8Array): void {
    const { offset, data } = decodeOutput(payload);
    // What was on its way when more was asked for comes twice.
    const known = Math.max(0, this.#next - offset);
    const fresh = data.subarray(known);
    this.#next = Math.max(this.#next, offset + data.length);
    if (fresh.length > 0 && !this.#onOutput(fresh, offset + known)) this.#connection.pause();
    if (this.#next < this.#renewAt) return;
    this.#renewAt = this.#next + PUSHED / 2;
    this.#renew();
  }

  #takeAck(taken: number): void {
    // A command that was joined has taken input of others before.
    this.#sent = Math.max(this.#sent, taken);
    this.#acknowledged = taken;
    this.#onAcknowledged();
  }
}

/** The conversation's start, and its frames from then on; whatever a hostile agent sends ends this connection only. */
class Greeting {
  connection: Connection | undefined;
  lost: string | undefined;
  readonly heard: Promise<Hello>;
  onFrame: (frame: Frame) => void = () => {};
  onLost: (reason: string) => void = () => {};
  #greeted: (hello: Hello) => void = () => {};
  #farewell = "the connection to its agent ended";
  readonly #decoder = new FrameDecoder();

  constructor() {
    this.heard = new Promise((resolve, reject) => {
      this.#greeted = resolve;
      this.onLost = (reason) => reject(new PodexecError("SANDBOX_GONE", `the sandbox cannot be reached: ${reason}`));
    });
  }

  onData(bytes: Uint8Array): void {
    try {
      for (const frame of this.#decoder.push(bytes)) this.#read(frame);
    } catch (error) {
      this.#farewell = `its agent broke the protocol (${error instanceof Error ? error.message : "unreadable"})`;
      this.connection?.close();
      this.onLost(this.#farewell);
    }
  }

  onClose(): void {
    this.lost = this.#farewell;
    this.onLost(this.#farewell);
  }

  #read(frame: Frame): void {
    if (frame.type === FrameType.BYE) this.#farewell = `its agent ended (${decodeBye(frame.payload).slice(0, 20)})`;
    else if (frame.type !== FrameType.AGENT_HELLO) this.onFrame(frame);
    else this.#greet(decodeHello(frame.payload));
  }

  #greet(hello: Hello): void {
    if (hello.version !== PROTOCOL_VERSION) throw new ProtocolError(`its version is ${hello.version}`);
    this.#greeted(hello);
  }
}

function notAnswering(): PodexecError {
  return new PodexecError("AGENT_PROTOCOL", "the sandbox's agent does not answer");
}
