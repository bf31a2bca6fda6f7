/** Who wants to know when files of a sandbox change: one connection to the agent's worker for watches, shared by all. */
import { PodexecError } from "../../errors.ts";
import type { Connection, ConnectionHandlers } from "../engine.ts";
import type { OpenWorker } from "./link.ts";
import { encodeRequest, Fields } from "./wire.ts";
import { FrameDecoder, ProtocolError, type Frame } from "../agent/frames-wire.ts";

/** What happened, in one go, as far as it was told. */
export interface Change {
  /** Its content, its attributes; for a folder those of an entry. */
  readonly content: boolean;
  readonly attributes: boolean;
  /** It, or an entry of it, is there (again): made, or put in its place by a rename. */
  readonly created: boolean;
  /** It, or an entry of it, went away. */
  readonly gone: boolean;
  /** Some events are lost: anything may have happened. */
  readonly lost: boolean;
  /** Of a folder's entries, those that changed: the first 32. */
  readonly names: readonly string[];
}

export interface Watch {
  /** Nothing more is told. Again is no error. */
  close(): void;
}

const WatchType = { ADD: 1, REMOVE: 2, ADDED: 65, CHANGED: 66, FAILED: 67 } as const;
const ANYTHING: Change = { content: true, attributes: true, created: true, gone: true, lost: true, names: [] };
const ADD_LIMIT_MS = 10_000;
const MOST_NAMES = 32;
const MOST_NAME = 255;
/** Between two tries to reach the agent again; doubled each time. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;
/** Then the sandbox is gone. */
const MOST_RETRIES = 20;

interface Watched {
  readonly id: bigint;
  readonly path: string;
  readonly onChange: (change: Change) => void;
  /** While it is not known whether the worker took it. */
  settle: ((error?: Error) => void) | undefined;
}

/** One connection to the worker. */
class WatchLink implements ConnectionHandlers {
  isOver = false;
  readonly ready: Promise<WatchLink>;
  readonly #decoder = new FrameDecoder();
  readonly #onFrame: (frame: Frame) => void;
  readonly #onLost: () => void;
  #connection: Connection | undefined;

  /** @param hears of frames, and once of an end that nobody asked for */
  constructor(open: OpenWorker, hears: { onFrame(frame: Frame): void; onLost(): void }) {
    this.#onFrame = (frame) => hears.onFrame(frame);
    this.#onLost = () => hears.onLost();
    this.ready = open("watch", this).then((connection) => {
      this.#connection = connection;
      if (this.isOver) connection.close();
      return this;
    });
  }

  send(type: number, id: bigint, path?: string): void {
    if (!this.isOver) this.#connection?.send(encodeRequest(type, id, [path === undefined ? undefined : [1, path]]));
  }

  close(): void {
    this.isOver = true;
    this.#connection?.close();
  }

  onData(bytes: Uint8Array): void {
    if (this.isOver) return;
    try {
      for (const frame of this.#decoder.push(bytes)) this.#onFrame(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // Whatever the worker is, it is none of ours: a new one is asked.
      this.onClose();
      this.close();
    }
  }

  onClose(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#onLost();
  }
}

/** The watches of one sandbox. */
export class Watches {
  readonly #open: OpenWorker;
  readonly #watched = new Map<bigint, Watched>();
  #link: WatchLink | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;
  #lastId = 0n;

  constructor(open: OpenWorker) {
    this.#open = open;
  }

  /**
   * Watches a file or a folder, not what is below its entries. A file that is replaced by a rename, or is deleted and
   * made again, stays watched; after a lost connection `onChange` is told that anything may have happened.
   *
   * @param onChange called at most every 50 ms
   * @throws PodexecError FILE_NOT_FOUND, FILE_ERROR, LIMIT_REACHED, SANDBOX_GONE, SANDBOX_BUSY, AGENT_PROTOCOL
   */
  async watch(path: string, onChange: (change: Change) => void): Promise<Watch> {
    const one: Watched = { id: ++this.#lastId, path, onChange, settle: undefined };
    const close = () => this.#close(one);
    this.#watched.set(one.id, one);
    try {
      await this.#add(one, await this.#linked());
      return { close };
    } catch (error) {
      close();
      throw error;
    }
  }

  async #linked(): Promise<WatchLink> {
    if (this.#link) return this.#link.ready;
    const link = new WatchLink(this.#open, {
      onFrame: (frame) => this.#take(frame),
      onLost: () => this.#lose(link),
    });
    this.#link = link;
    try {
      return await link.ready;
    } catch (error) {
      if (this.#link === link) this.#link = undefined;
      throw error;
    }
  }

  async #add(one: Watched, link: WatchLink): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const silent = () => reject(new PodexecError("AGENT_PROTOCOL", "the agent's worker for watches does not answer"));
    const timer = setTimeout(silent, ADD_LIMIT_MS);
    one.settle = (error) => (error ? reject(error) : resolve());
    if (link.isOver) one.settle(ended());
    link.send(WatchType.ADD, one.id, one.path);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      one.settle = undefined;
    }
  }

  #close(one: Watched): void {
    if (!this.#watched.delete(one.id)) return;
    this.#link?.send(WatchType.REMOVE, one.id);
    if (this.#watched.size > 0) return;
    this.#link?.close();
    this.#link = undefined;
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #take(frame: Frame): void {
    const fields = new Fields(frame.payload);
    // Closed by now: what was under way is nobody's.
    const one = this.#watched.get(frame.id);
    if (frame.type === WatchType.ADDED) one?.settle?.();
    else if (frame.type === WatchType.FAILED) one?.settle?.(failure(fields, one.path));
    else if (frame.type === WatchType.CHANGED) one?.onChange(decodeChange(fields));
    else throw new ProtocolError(`a frame of type ${frame.type}`);
  }

  #lose(link: WatchLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    for (const one of this.#watched.values()) one.settle?.(ended());
    this.#tryAgain();
  }

  #tryAgain(): void {
    if (this.#watched.size === 0 || this.#retry || this.#retries >= MOST_RETRIES) return;
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.#retries++, LAST_RETRY_MS);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      void this.#restore();
    }, waitMs);
    this.#retry.unref();
  }

  /** Watches everything again; a path that is gone is tried again with the next loss only. */
  async #restore(): Promise<void> {
    try {
      const link = await this.#linked();
      for (const one of this.#watched.values()) {
        if (one.settle) continue;
        const isThere = await this.#isAdded(one, link);
        if (link.isOver) return;
        if (this.#watched.has(one.id)) one.onChange({ ...ANYTHING, created: isThere, gone: !isThere });
      }
      this.#retries = 0;
    } catch {
      this.#tryAgain();
    }
  }

  async #isAdded(one: Watched, link: WatchLink): Promise<boolean> {
    try {
      await this.#add(one, link);
      return true;
    } catch {
      return false;
    }
  }
}

function ended(): PodexecError {
  return new PodexecError("SANDBOX_GONE", "the sandbox's worker for watches ended");
}

function decodeChange(fields: Fields): Change {
  const bits = fields.number(1);
  const names = fields.text(2).split("\0").slice(0, -1);
  const kept = names.slice(0, MOST_NAMES).map((name) => name.slice(0, MOST_NAME));
  return {
    content: (bits & 1) > 0,
    created: (bits & 2) > 0,
    gone: (bits & 4) > 0,
    attributes: (bits & 8) > 0,
    lost: (bits & 16) > 0,
    names: kept,
  };
}

const ENOENT = 2;
const ENOSPC = 28;

function failure(fields: Fields, path: string): PodexecError {
  const errno = fields.number(1);
  const why = fields.text(2).slice(0, 200);
  if (errno === ENOENT) return new PodexecError("FILE_NOT_FOUND", `cannot watch ${path}: there is no such file`);
  if (errno === ENOSPC) return new PodexecError("LIMIT_REACHED", `cannot watch ${path}: too much is watched already`);
  return new PodexecError("FILE_ERROR", `cannot watch ${path}: ${why}`);
}
