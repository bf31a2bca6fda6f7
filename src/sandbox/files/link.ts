/** One connection to a worker for files: requests one after the other. */
import { PodexecError } from "../../errors.ts";
import type { Connection, ConnectionHandlers } from "../engine.ts";
import { dataHeader, decodeFailure, encodeRequest, Fields, FilesType, type RequestField } from "./wire.ts";
import { FileFailed } from "./errors.ts";
import { encodeFrame, FrameDecoder, MAX_PAYLOAD, ProtocolError, type Frame } from "../agent/frames-wire.ts";

/** Opens a connection to the agent's worker for files or for watches. */
export type OpenWorker = (to: "files" | "watch", handlers: ConnectionHandlers) => Promise<Connection>;

/** A request and who hears its answers. */
export interface Asked {
  readonly type: number;
  readonly fields: readonly (RequestField | undefined)[];
  /** CHUNK's bytes, at least one; they may share memory with what else was received. */
  onChunk?(bytes: Uint8Array): void;
  /** INFO. */
  onInfo?(fields: Fields): void;
  /** ITEM. */
  onItem?(fields: Fields): void;
  /** What is sent behind a WRITE. */
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** The connection that the request goes to, for `pause` and `resume`. */
  onLink?(link: FilesLink): void;
  readonly signal?: AbortSignal;
  /** Milliseconds that the worker may be silent. Default 30 s. What it says without end, the handlers have to end. */
  readonly silenceMs?: number;
  /** Whether the request changes nothing, so that it may be asked again. */
  readonly isSafe?: boolean;
}

const SILENCE_MS = 30_000;

interface Waiting {
  readonly id: bigint;
  readonly asked: Asked;
  readonly answer: Promise<Fields>;
  resolve(done: Fields): void;
  reject(error: unknown): void;
  /** INFO has come. */
  isTold: boolean;
  /** It has its answer. */
  isOver: boolean;
  /** Everything was sent that belongs to it. */
  isSent: boolean;
  /** What the body threw, or the worker's FAIL. */
  failure: unknown;
}

export class FilesLink implements ConnectionHandlers {
  /** Whether it can be asked no more. */
  isBroken = false;
  /** Whether anything was ever received. */
  hasAnswered = false;
  readonly #decoder = new FrameDecoder();
  #connection: Connection | undefined;
  #waiting: Waiting | undefined;
  #lastId = 0n;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isPaused = false;

  /** Opens one. @throws PodexecError as `openStream` */
  static async open(open: OpenWorker): Promise<FilesLink> {
    const link = new FilesLink();
    link.#connection = await open("files", link);
    return link;
  }

  /**
   * Asks, and answers with DONE's fields.
   *
   * @throws FileFailed for the worker's FAIL, PodexecError CANCELLED, AGENT_PROTOCOL, SANDBOX_GONE; the last three leave
   *   the link broken
   */
  async ask(asked: Asked): Promise<Fields> {
    if (this.isBroken || this.#waiting) throw new PodexecError("INTERNAL", "the link is in use or broken");
    const cancel = () => this.#fail(new PodexecError("CANCELLED", "the call was cancelled"));
    if (asked.signal?.aborted) throw new PodexecError("CANCELLED", "the call was cancelled");
    asked.signal?.addEventListener("abort", cancel, { once: true });
    const waiting = newWaiting(++this.#lastId, asked);
    this.#waiting = waiting;
    asked.onLink?.(this);
    try {
      this.#connection?.send(encodeRequest(asked.type, waiting.id, asked.fields));
      if (asked.body) void this.#sendBody(waiting, asked.body);
      else this.#expect();
      return await waiting.answer;
    } finally {
      asked.signal?.removeEventListener("abort", cancel);
      this.#waiting = undefined;
      clearTimeout(this.#timer);
      // The rest of a body that nobody wants any more would be taken for the next request.
      if (!waiting.isSent) this.close();
      else if (this.#isPaused) this.resume();
    }
  }

  /** Holds the answers back; the worker's silence does not count meanwhile. */
  pause(): void {
    this.#isPaused = true;
    clearTimeout(this.#timer);
    this.#connection?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#expect();
    this.#connection?.resume();
  }

  close(): void {
    this.isBroken = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
  }

  onData(bytes: Uint8Array): void {
    if (this.isBroken) return;
    this.hasAnswered = true;
    try {
      for (const frame of this.#decoder.push(bytes)) this.#take(frame);
      this.#expect();
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) return this.#fail(cause);
      this.#fail(new PodexecError("AGENT_PROTOCOL", `the agent's worker for files: ${cause.message}`, { cause }));
    }
  }

  onClose(): void {
    this.#fail(
      new PodexecError("SANDBOX_GONE", "the sandbox's worker for files ended; whether it did its work is unknown"),
    );
  }

  #take(frame: Frame): void {
    const waiting = this.#waiting;
    if (waiting?.isOver !== false || frame.id !== waiting.id) throw new ProtocolError("an answer nobody asked for");
    const { asked } = waiting;
    if (frame.type === FilesType.CHUNK && asked.onChunk && frame.payload.length > 0) asked.onChunk(frame.payload);
    else if (frame.type === FilesType.ITEM && asked.onItem) asked.onItem(new Fields(frame.payload));
    else if (frame.type === FilesType.INFO && asked.onInfo && !waiting.isTold) {
      waiting.isTold = true;
      asked.onInfo(new Fields(frame.payload));
    } else settle(waiting, frame.type, new Fields(frame.payload));
  }

  async #sendBody(waiting: Waiting, body: NonNullable<Asked["body"]>): Promise<void> {
    try {
      for await (const bytes of body) {
        await this.#sendData(waiting, bytes);
        if (waiting.isOver) return;
      }
    } catch (error) {
      waiting.failure = error;
    }
    if (waiting.isOver) return;
    waiting.isSent = true;
    this.#connection?.send(encodeFrame(waiting.failure === undefined ? FilesType.END : FilesType.ABORT, waiting.id));
    this.#expect();
  }

  async #sendData(waiting: Waiting, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !waiting.isOver; at += MAX_PAYLOAD) {
      const piece = bytes.subarray(at, at + MAX_PAYLOAD);
      this.#connection?.send(dataHeader(waiting.id, piece.length));
      if (this.#connection?.send(piece)) continue;
      this.#expect();
      await this.#connection?.drained();
      clearTimeout(this.#timer);
    }
  }

  /** From now on the worker has to answer something, or to take something, in time. */
  #expect(): void {
    clearTimeout(this.#timer);
    const waiting = this.#waiting;
    if (!waiting || waiting.isOver || this.#isPaused) return;
    const limit = waiting.asked.silenceMs ?? SILENCE_MS;
    this.#timer = setTimeout(() => this.#fail(silent(limit)), limit);
  }

  #fail(error: unknown): void {
    const waiting = this.#waiting;
    this.close();
    if (!waiting || waiting.isOver) return;
    waiting.isOver = true;
    waiting.reject(error);
  }
}

function settle(waiting: Waiting, type: number, fields: Fields): void {
  if (type === FilesType.FAIL) waiting.failure ??= new FileFailed(decodeFailure(fields));
  else if (type !== FilesType.DONE) throw new ProtocolError(`a frame of type ${type}`);
  waiting.isOver = true;
  if (waiting.failure === undefined) waiting.resolve(fields);
  else waiting.reject(waiting.failure);
}

function newWaiting(id: bigint, asked: Asked): Waiting {
  const { promise, resolve, reject } = Promise.withResolvers<Fields>();
  return {
    id,
    asked,
    answer: promise,
    resolve,
    reject,
    isTold: false,
    isOver: false,
    isSent: !asked.body,
    failure: undefined,
  };
}

function silent(limitMs: number): PodexecError {
  return new PodexecError("FILE_ERROR", `the sandbox did not answer about the file for ${limitMs / 1000} s`, {
    hint: "Try again; where it happens again, look with shell_exec at what is slow there.",
  });
}
