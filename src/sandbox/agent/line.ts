/** One connection to an agent, greeted: frames out, frames in, and the lists that are asked for on it. */
import { randomBytes } from "node:crypto";
import { PodexecError } from "../../errors.ts";
import type { Connection, Engine, SandboxRef } from "../engine.ts";
import {
  decodeBye,
  decodeError,
  decodeHello,
  decodeListed,
  decodeProcess,
  type Hello,
  type Listed,
  type Process,
} from "./frames-answers.ts";
import { encodeHello } from "./frames-requests.ts";
import { encodeFrame, FrameDecoder, FrameType, PROTOCOL_VERSION, ProtocolError, type Frame } from "./frames-wire.ts";
import { within } from "./within.ts";

const HELLO_LIMIT_MS = 10_000;
/** The agent knows 256 commands, and names 1,024 processes: more is no list of an honest one. */
const MAX_LISTED = 256;
const MAX_PROCESSES = 1_025;

/** How a connection ended. */
export interface LineEnd {
  reason: string;
  /** `lost`: another one may do better; `bye`: the agent ends; `broken`: nothing it says counts any more. */
  why: "lost" | "bye" | "broken";
}

export interface LineHandlers {
  /** What is neither an answer to `list` nor to `processes`. @throws ProtocolError */
  onFrame(frame: Frame): void;
  /** Called once. */
  onEnd(line: Line): void;
}

/** A list that is being received. */
interface Listing<Row> {
  rows: Row[];
  resolve(rows: Row[]): void;
  reject(error: Error): void;
}

export class Line {
  readonly #handlers: LineHandlers;
  readonly #decoder = new FrameDecoder();
  /** The agent answers in order. */
  readonly #lists: Listing<Listed>[] = [];
  readonly #processes = new Map<bigint, Listing<Process>>();
  readonly #greeting = Promise.withResolvers<Hello>();
  #connection: Connection | undefined;
  #farewell: LineEnd = { reason: "the connection to its agent ended", why: "lost" };
  #end: LineEnd | undefined;

  constructor(handlers: LineHandlers) {
    this.#handlers = handlers;
    this.#greeting.promise.catch(() => {});
  }

  /** How it ended; undefined while it is there. */
  get end(): LineEnd | undefined {
    return this.#end;
  }

  /**
   * Connects to a sandbox's agent and greets it.
   *
   * @param limitMs milliseconds that the agent may take to greet, default 10 s
   * @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL
   */
  async open(engine: Engine, ref: SandboxRef, limitMs = HELLO_LIMIT_MS): Promise<Hello> {
    this.#connection = await engine.connect(ref, {
      onData: (bytes) => this.#receive(bytes),
      onClose: () => this.#finish(this.#farewell),
    });
    // Nobody waits for it any more.
    if (this.#end) this.#connection.close();
    this.#connection.send(encodeHello(PROTOCOL_VERSION));
    const silent = () => new PodexecError("AGENT_PROTOCOL", `the agent of ${ref.name} does not answer`);
    const greeted = this.#greeting.promise.catch((error: Error) => {
      throw new PodexecError("SANDBOX_GONE", `sandbox ${ref.name}: ${error.message}`);
    });
    const hello = await within(greeted, limitMs, silent);
    if (hello.version === PROTOCOL_VERSION) return hello;
    const reason = `the agent of ${ref.name} speaks protocol ${hello.version}`;
    this.giveUp(reason);
    throw new PodexecError("AGENT_PROTOCOL", reason);
  }

  send(type: number, id: bigint, payload?: Uint8Array): void {
    if (!this.#end) this.#connection?.send(encodeFrame(type, id, payload));
  }

  /** The commands that the agent knows. @throws PodexecError SANDBOX_GONE where the connection ends before */
  list(): Promise<Listed[]> {
    return this.#ask<Listed>((listing) => {
      this.#lists.push(listing);
      this.send(FrameType.LIST, 0n);
    });
  }

  /** The processes of the sandbox. @throws as `list`, PodexecError AGENT_PROTOCOL */
  processes(): Promise<Process[]> {
    const id = randomBytes(8).readBigUInt64LE() || 1n;
    return this.#ask<Process>((listing) => {
      this.#processes.set(id, listing);
      this.send(FrameType.PROCESSES, id);
    });
  }

  close(): void {
    this.#connection?.close();
    this.#finish(this.#farewell);
  }

  /** Ends it with an agent that does not do what it has to. */
  giveUp(reason: string): void {
    this.#farewell = { reason, why: "broken" };
    this.close();
  }

  #ask<Row>(send: (listing: Listing<Row>) => void): Promise<Row[]> {
    if (this.#end) return Promise.reject(new PodexecError("SANDBOX_GONE", this.#end.reason));
    const { promise, resolve, reject } = Promise.withResolvers<Row[]>();
    promise.catch(() => {});
    send({ rows: [], resolve, reject });
    return promise;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#end) return;
    try {
      for (const frame of this.#decoder.push(bytes)) this.#dispatch(frame);
    } catch (error) {
      // Whatever a hostile agent sends ends its own sandbox's channel and nothing else.
      this.giveUp(`its agent broke the protocol (${error instanceof Error ? error.message : "unreadable"})`);
    }
  }

  #dispatch(frame: Frame): void {
    if (this.#end) return;
    switch (frame.type) {
      case FrameType.AGENT_HELLO: {
        const hello = decodeHello(frame.payload);
        // What is kept is a view of the connection's buffer, which is used again.
        return this.#greeting.resolve({ ...hello, note: hello.note.slice() });
      }
      case FrameType.BYE:
        this.#farewell = { reason: FAREWELLS[decodeBye(frame.payload)] ?? "its agent ended", why: "bye" };
        return;
      case FrameType.LISTED:
        return this.#takeListed(decodeListed(frame));
      case FrameType.PROCESS:
        return this.#takeProcess(frame);
    }
    const asked = frame.type === FrameType.AGENT_ERROR && this.#processes.get(frame.id);
    if (!asked) return this.#handlers.onFrame(frame);
    this.#processes.delete(frame.id);
    asked.reject(new PodexecError("AGENT_PROTOCOL", decodeError(frame.payload).message));
  }

  #takeListed(row: Listed | undefined): void {
    const [first] = this.#lists;
    if (!row) return this.#lists.shift()?.resolve(first?.rows ?? []);
    if (first) add(first, { ...row, kept: row.kept.slice() }, MAX_LISTED);
  }

  #takeProcess(frame: Frame): void {
    const listing = this.#processes.get(frame.id);
    const row = decodeProcess(frame.payload);
    if (row) return listing && add(listing, row, MAX_PROCESSES);
    this.#processes.delete(frame.id);
    listing?.resolve(listing.rows);
  }

  #finish(end: LineEnd): void {
    if (this.#end) return;
    this.#end = end;
    const gone = new PodexecError("SANDBOX_GONE", end.reason);
    for (const listing of [...this.#lists.splice(0), ...this.#processes.values()]) listing.reject(gone);
    this.#greeting.reject(gone);
    this.#handlers.onEnd(this);
  }
}

const FAREWELLS: Record<string, string> = {
  lease: "it ended itself because podexec gave no sign of life",
  shutdown: "podexec shut it down",
  signal: "its container was stopped from outside",
};

function add<Row>(listing: Listing<Row>, row: Row, most: number): void {
  if (listing.rows.length >= most) throw new ProtocolError(`a list of more than ${most} rows`);
  listing.rows.push(row);
}
