/** One command's side of the channel: its frames out, its frames in, and which answer belongs to which request. */
import { PodexecError } from "../../errors.ts";
import {
  decodeAck,
  decodeData,
  decodeError,
  decodeExited,
  decodeOutput,
  decodeStarted,
  type AgentError,
  type Data,
  type Exited,
  type Listed,
} from "./frames-answers.ts";
import {
  encodeAttach,
  encodeKill,
  encodeRead,
  encodeResize,
  encodeSignal,
  FROM_END,
  type AttachOptions,
  type TerminalSize,
} from "./frames-requests.ts";
import { FrameType, ProtocolError, type Frame } from "./frames-wire.ts";
import { InputWindow } from "./input-window.ts";
import { within } from "./within.ts";

const ANSWER_LIMIT_MS = 10_000;
/** An agent that knows a command and does not list it is not asked for ever. */
const MAX_LOOKS = 4;

/** What a command's frames are handed to. */
export interface CommandHandlers {
  onStarted(): void;
  onOutput(offset: number, bytes: Uint8Array): void;
  /** Again after a KILL of what a finished command left, and after each ATTACH. */
  onExited(exited: Exited): void;
  /** It could not be started. */
  onError(error: AgentError): void;
  /** On another connection now. @param row what the agent says of it; undefined where it does not know it any more */
  onResumed(row: Listed | undefined): void;
  /** The channel ended before the command did. */
  onLost(reason: string): void;
}

/** A request the agent has not answered. The agent answers in order, so an ERROR belongs to the first. */
interface Pending {
  by: typeof FrameType.DATA | typeof FrameType.PONG;
  resolve(data: Data | undefined): void;
  reject(error: Error): void;
  send(): void;
  /** Whether it may be sent again, when nobody knows if it arrived. */
  isSafe: boolean;
  /** For READ. */
  offset: bigint;
  most: number;
  refused?: AgentError;
}

export type Send = (type: number, payload?: Uint8Array) => void;

export interface LinkOptions {
  /** There is no connection at the moment: `resume` follows. Default false. */
  isSuspended?: boolean;
  /** The agent knows a command that was started again: `resume` is to tell what it is. */
  onKnown?: () => void;
}

export class Link {
  readonly #handlers: CommandHandlers;
  readonly #toAgent: Send;
  readonly #onKnown: () => void;
  readonly #pending: Pending[] = [];
  readonly #input: InputWindow;
  /** Until the agent has begun with it. */
  #start: { payload: Uint8Array; kept: Uint8Array } | undefined;
  #isSuspended: boolean;
  /** START was sent again: what depends on it waits for the answer. */
  #isAgain = false;
  #looks = 0;
  /** A START that is answered at all is answered by ERROR first, if by ERROR. */
  #hasBegun = false;
  #hasFailed = false;
  #lost: string | undefined;

  constructor(handlers: CommandHandlers, send: Send, { isSuspended = false, onKnown = () => {} }: LinkOptions = {}) {
    this.#handlers = handlers;
    this.#toAgent = send;
    this.#onKnown = onKnown;
    this.#isSuspended = isSuspended;
    this.#input = new InputWindow((type, payload) => this.#send(type, payload));
  }

  /** Starts it. @param kept what START gives to keep: tells it from another one of the same id */
  start(payload: Uint8Array, kept: Uint8Array): void {
    this.#start = { payload, kept };
    this.#send(FrameType.START, payload);
  }

  /** It is one that the agent knows. */
  adopt({ input }: Listed): void {
    this.#hasBegun = true;
    this.#input.adopt(input);
  }

  /** The connection broke; another one may follow. */
  suspend(): void {
    this.#isSuspended = true;
    this.#isAgain = false;
    const unsure = this.#pending.filter(({ isSafe }) => !isSafe);
    for (const pending of unsure) {
      this.#pending.splice(this.#pending.indexOf(pending), 1);
      pending.reject(
        new PodexecError("INTERRUPTED", "the connection to the sandbox broke meanwhile: it may have arrived"),
      );
    }
  }

  /** Goes on, on another connection. @param row as the agent lists it; undefined where it does not know it */
  resume(row: Listed | undefined): void {
    if (this.#hasFailed || this.#lost !== undefined) return;
    this.#isSuspended = false;
    if (!this.#hasBegun && !row && this.#start) return this.#startAgain(this.#start.payload);
    this.#isAgain = false;
    if (!this.#hasBegun && row && this.#start && Buffer.compare(row.kept, this.#start.kept) !== 0) {
      return this.#fail({ code: "exists", message: "another command has its id" });
    }
    this.#begin();
    this.#handlers.onResumed(row);
    this.#sendAgain(row?.input);
  }

  /** Bytes of input that the command has not taken. */
  get inputQueued(): number {
    return this.#input.queued;
  }

  /** From now on this connection gets the command's frames. */
  attach(options: AttachOptions): void {
    this.#send(FrameType.ATTACH, encodeAttach(options));
  }

  /** Ends the whole tree: SIGTERM, after `graceMs` SIGKILL. The handlers hear of the end. @throws as `signal` */
  kill(graceMs: number): Promise<void> {
    return this.#fenced(FrameType.KILL, encodeKill(graceMs));
  }

  /** Signals the main process. @throws PodexecError COMMAND_ENDED where it does not run */
  signal(signal: number): Promise<void> {
    return this.#fenced(FrameType.SIGNAL, encodeSignal(signal), false);
  }

  /** Gives its terminal another size. @throws PodexecError COMMAND_ENDED where it has none */
  resize(size: TerminalSize): Promise<void> {
    return this.#fenced(FrameType.RESIZE, encodeResize(size));
  }

  /** Reads a part of its output. @param offset bytes from the start, or FROM_END; @param most bytes, at most 262,128 */
  async read(offset: bigint, most: number): Promise<Data> {
    const send = () => this.#send(FrameType.READ, encodeRead(offset, most));
    const data = await this.#ask({ by: FrameType.DATA, offset, most, send, isSafe: true });
    if (!data) throw new ProtocolError("DATA is missing");
    return data;
  }

  /** Gives it more standard input, no faster than it is taken; resolves when the agent has all of it. */
  input(bytes: Uint8Array): Promise<void> {
    return this.#input.push(bytes);
  }

  /** Standard input ends after what was given. */
  endInput(): Promise<void> {
    return this.#input.end();
  }

  /** @throws ProtocolError */
  take(frame: Frame): void {
    if (frame.type === FrameType.AGENT_ERROR) return this.#takeError(decodeError(frame.payload));
    const wasAgain = this.#isAgain;
    this.#begin();
    if (wasAgain) this.#sendAgain(0);
    switch (frame.type) {
      case FrameType.STARTED:
        decodeStarted(frame.payload);
        return this.#handlers.onStarted();
      case FrameType.OUTPUT: {
        const output = decodeOutput(frame.payload);
        return this.#handlers.onOutput(output.offset, output.data);
      }
      case FrameType.INPUT_ACK:
        return this.#input.acknowledge(decodeAck(frame.payload));
      case FrameType.EXITED: {
        const exited = decodeExited(frame.payload);
        this.#input.stop();
        return this.#handlers.onExited(exited);
      }
      case FrameType.DATA:
        return this.#takeData(decodeData(frame.payload));
      case FrameType.PONG:
        return this.#takePong();
    }
  }

  /** The channel is over. */
  lose(reason: string): void {
    this.#lost = reason;
    this.#input.stop();
    for (const pending of this.#pending.splice(0)) pending.reject(new PodexecError("SANDBOX_GONE", reason));
    this.#handlers.onLost(reason);
  }

  #send(type: number, payload?: Uint8Array): void {
    if (!this.#isSuspended && !this.#isAgain) this.#toAgent(type, payload);
  }

  #begin(): void {
    this.#hasBegun = true;
    this.#isAgain = false;
    this.#start = undefined;
  }

  #startAgain(payload: Uint8Array): void {
    this.#send(FrameType.START, payload);
    this.#isAgain = true;
  }

  /** What was not answered yet, and input from a byte on. */
  #sendAgain(received: number | undefined): void {
    for (const { send } of this.#pending) send();
    this.#input.sendAgain(received);
  }

  #refuse(error: AgentError): void {
    if (this.#isAgain && error.code === "exists" && this.#looks++ < MAX_LOOKS) this.#onKnown();
    else this.#fail(error);
  }

  #fail(error: AgentError): void {
    this.#hasFailed = true;
    this.#handlers.onError(error);
  }

  /** A request without an answer of its own: what comes before the PONG behind it is its ERROR. */
  async #fenced(type: number, payload: Uint8Array, isSafe = true): Promise<void> {
    const send = () => {
      this.#send(type, payload);
      this.#send(FrameType.PING);
    };
    await this.#ask({ by: FrameType.PONG, offset: 0n, most: 0, send, isSafe });
  }

  #ask(what: Omit<Pending, "resolve" | "reject">): Promise<Data | undefined> {
    if (this.#lost !== undefined) return Promise.reject(new PodexecError("SANDBOX_GONE", this.#lost));
    const { promise, resolve, reject } = Promise.withResolvers<Data | undefined>();
    this.#pending.push({ ...what, resolve, reject });
    what.send();
    const silent = () => new PodexecError("AGENT_PROTOCOL", "the agent does not answer");
    return within(promise, ANSWER_LIMIT_MS, silent);
  }

  #takeData(data: Data): void {
    const [first] = this.#pending;
    if (first?.by !== FrameType.DATA) return;
    if (data.data.length > first.most) throw new ProtocolError("DATA exceeds what was asked for");
    if (first.offset !== FROM_END && BigInt(data.offset) < first.offset) throw new ProtocolError("DATA comes again");
    this.#pending.shift();
    // The bytes are a view of the connection's buffer, which is used again.
    first.resolve({ ...data, data: data.data.slice() });
  }

  #takePong(): void {
    if (this.#pending[0]?.by !== FrameType.PONG) return;
    const first = this.#pending.shift();
    if (!first?.refused) return first?.resolve(undefined);
    first.reject(new PodexecError("COMMAND_ENDED", `it cannot be reached: ${first.refused.message}`));
  }

  #takeError(error: AgentError): void {
    if (!this.#hasBegun || error.code === "busy" || error.code === "exists") return this.#refuse(error);
    const [first] = this.#pending;
    if (first?.by === FrameType.PONG) first.refused ??= error;
    // Input that comes too late is refused as well, and nobody asked.
    if (first?.by !== FrameType.DATA || error.code !== "unknown") return;
    this.#pending.shift();
    first.reject(new PodexecError("COMMAND_UNKNOWN", "the sandbox does not know this command any more"));
  }
}
