/** The conversation with one sandbox's agent: many commands over one connection, or one connection after the other. */
import { PodexecError } from "../../errors.ts";
import type { Engine, SandboxRef } from "../engine.ts";
import type { Hello, Listed, Process } from "./frames-answers.ts";
import { encodeNote, encodeStart, type StartOptions } from "./frames-requests.ts";
import { FrameType, type Frame } from "./frames-wire.ts";
import { Line, type LineEnd, type LineHandlers } from "./line.ts";
import { Link, type CommandHandlers } from "./link.ts";
import { Patience, reconnect, type Place } from "./reconnect.ts";
import { within } from "./within.ts";

const LIST_LIMIT_MS = 10_000;

export class Channel {
  readonly #links = new Map<bigint, Link>();
  readonly #patience = new Patience();
  readonly #handlers: LineHandlers = {
    onFrame: (frame) => this.#take(frame),
    onEnd: (line) => this.#lineEnded(line),
  };
  /** Undefined while there is none. */
  #line: Line | undefined;
  #place: Place | undefined;
  #lease: ReturnType<typeof setInterval> | undefined;
  /** The newest note, and how often there was one: until the agent has confirmed it. */
  #note: Uint8Array | undefined;
  #notes = 0;
  #farewell = "the connection to its agent ended";
  #isClosed = false;
  #isBroken = false;
  #onLine: (() => void) | undefined;
  #untilLine: Promise<void> = Promise.resolve();
  readonly #onClose: (reason: string) => void;

  /** @param onClose called once when the conversation is over, with the reason that is known here */
  constructor(onClose: (reason: string) => void) {
    this.#onClose = onClose;
  }

  /**
   * Connects to a sandbox's agent and greets it. A connection that breaks later is replaced by another one.
   *
   * @param leaseMs the sandbox's lease, or how it follows from the HELLO; a tenth of it is the interval of the signs of life
   * @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL
   */
  async open(engine: Engine, ref: SandboxRef, leaseMs: number | ((hello: Hello) => number)): Promise<Hello> {
    const line = new Line(this.#handlers);
    this.#line = line;
    const hello = await line.open(engine, ref);
    this.#place = { engine, ref, instance: hello.instance };
    const lease = typeof leaseMs === "number" ? leaseMs : leaseMs(hello);
    if (this.#isClosed) throw new PodexecError("SANDBOX_GONE", `sandbox ${ref.name}: ${this.#farewell}`);
    this.#lease = setInterval(() => this.#line?.send(FrameType.PING, 0n), Math.max(lease / 10, 50));
    (this.#lease as { unref?: () => void }).unref?.();
    return hello;
  }

  /** Resolves when it is known whether there is a connection: at once, but while a broken one is being replaced. */
  settled(): Promise<void> {
    return this.#untilLine;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** What the agent sent could not be understood: the sandbox may run, but nothing it says counts any more. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * Starts a command.
   *
   * @param id chosen by the caller: 64 bits, not 0, never used before in this sandbox
   * @throws RangeError for what cannot be a command, as `encodeStart`
   */
  start(id: bigint, options: StartOptions, handlers: CommandHandlers): Link {
    const payload = encodeStart(options);
    const link = this.#link(id, handlers);
    if (this.#isClosed) link.lose(this.#farewell);
    else link.start(payload, options.kept ?? new Uint8Array(0));
    return link;
  }

  /** Takes up a command that the agent knows; its frames come once it is attached to. */
  adopt(row: Listed, handlers: CommandHandlers): Link {
    const link = this.#link(row.id, handlers);
    link.adopt(row);
    return link;
  }

  /** Frames of this command are nobody's any more. */
  drop(id: bigint): void {
    this.#links.delete(id);
  }

  /** The commands that the agent knows. @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL */
  list(): Promise<Listed[]> {
    return this.#ask((line) => line.list());
  }

  /** The processes of the sandbox. @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL */
  processes(): Promise<Process[]> {
    return this.#ask((line) => line.processes());
  }

  /** Gives the agent what its next HELLO says. @param note at most MAX_KEPT bytes */
  note(note: Uint8Array): void {
    this.#note = encodeNote(note);
    this.#notes++;
    this.#sendNote();
  }

  close(): void {
    this.#finish(this.#farewell);
  }

  /** Ends the conversation with an agent that does not do what it has to. */
  giveUp(reason: string): void {
    this.#isBroken = true;
    this.#finish(reason);
  }

  /** Asks, and again where the connection breaks meanwhile. */
  #ask<T>(question: (line: Line) => Promise<T>): Promise<T> {
    const ask = async (): Promise<T> => {
      for (;;) {
        await this.#untilLine;
        const line = this.#line;
        if (this.#isClosed || !line) throw new PodexecError("SANDBOX_GONE", this.#farewell);
        try {
          return await question(line);
        } catch (error) {
          if (this.#isClosed || !line.end) throw error;
        }
      }
    };
    const silent = () => new PodexecError("AGENT_PROTOCOL", "the agent of the sandbox does not answer");
    return within(ask(), LIST_LIMIT_MS, silent);
  }

  #link(id: bigint, handlers: CommandHandlers): Link {
    const link = new Link(handlers, (type, payload) => this.#line?.send(type, id, payload), {
      isSuspended: this.#line === undefined,
      // What became of a START that was sent twice.
      onKnown: () => {
        const resume = (rows: Listed[]) => link.resume(rows.find((row) => row.id === id));
        this.list().then(resume, () => {});
      },
    });
    this.#links.set(id, link);
    return link;
  }

  #sendNote(): void {
    if (!this.#note) return;
    this.#line?.send(FrameType.NOTE, 0n, this.#note);
    this.#line?.send(FrameType.PING, 0n, Buffer.from(String(this.#notes)));
  }

  #take(frame: Frame): void {
    if (this.#isClosed) return;
    if (frame.id !== 0n) return this.#links.get(frame.id)?.take(frame);
    const isConfirmed =
      frame.type === FrameType.PONG && Buffer.from(frame.payload).equals(Buffer.from(`${this.#notes}`));
    if (isConfirmed) this.#note = undefined;
  }

  #lineEnded(line: Line): void {
    if (line !== this.#line || this.#isClosed || !line.end) return;
    if (line.end.why !== "lost" || !this.#place || !this.#patience.hasMore()) return this.#giveIn(line.end);
    this.#line = undefined;
    this.#untilLine = new Promise((resolve) => (this.#onLine = resolve));
    for (const link of this.#links.values()) link.suspend();
    void this.#reconnect(this.#place, line.end);
  }

  async #reconnect(place: Place, end: LineEnd): Promise<void> {
    const again = await reconnect(place, end, { handlers: this.#handlers, isOver: () => this.#isClosed });
    if (!("line" in again)) return this.#giveIn(again.end);
    if (this.#isClosed) return again.line.close();
    this.#line = again.line;
    this.#onLine?.();
    this.#sendNote();
    const rows = new Map(again.rows.map((row) => [row.id, row]));
    for (const [id, link] of this.#links) link.resume(rows.get(id));
  }

  #giveIn({ reason, why }: LineEnd): void {
    this.#isBroken ||= why === "broken";
    this.#finish(reason);
  }

  #finish(reason: string): void {
    if (this.#isClosed) return;
    this.#farewell = reason;
    this.#isClosed = true;
    clearInterval(this.#lease);
    this.#line?.close();
    this.#onLine?.();
    const lost = [...this.#links.values()];
    this.#links.clear();
    for (const link of lost) link.lose(reason);
    this.#onClose(reason);
  }
}
