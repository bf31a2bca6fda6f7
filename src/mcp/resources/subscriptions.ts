/** What one session, or one listening stream, has subscribed to. */
import type { Caller } from "../../sandbox/owners/registry.ts";
import { ProtocolFailure } from "../failure.ts";
import type { Resources } from "./resources.ts";

/** Resources that one session may watch at once. */
const MAX_WATCHED = 64;
/** A file that changes all the time is told of so often at most, milliseconds. */
const PAUSE_MS = 250;
const SERVER_ERROR = -32000;

interface Watched {
  /** Undefined until the watch is there. */
  watch?: { close(): void };
  timer?: ReturnType<typeof setTimeout>;
  isDirty: boolean;
  isClosed: boolean;
}

export class Subscriptions {
  readonly #resources: Resources;
  readonly #caller: Caller;
  readonly #tell: (uri: string) => void;
  readonly #watched = new Map<string, Watched>();
  #isClosed = false;

  /** @param tell hears the URI of a resource that has changed, at most every 250 ms */
  constructor(resources: Resources, caller: Caller, tell: (uri: string) => void) {
    this.#resources = resources;
    this.#caller = caller;
    this.#tell = tell;
  }

  get size(): number {
    return this.#watched.size;
  }

  /**
   * Watches a resource; again is no error.
   *
   * @throws ProtocolFailure where there are too many, or as `Resources.watch`
   */
  async add(uri: string): Promise<void> {
    if (this.#isClosed || this.#watched.has(uri)) return;
    if (this.#watched.size >= MAX_WATCHED) {
      throw new ProtocolFailure(SERVER_ERROR, `at most ${MAX_WATCHED} resources can be subscribed to at once`);
    }
    const watched: Watched = { isDirty: false, isClosed: false };
    this.#watched.set(uri, watched);
    try {
      const watch = await this.#resources.watch(this.#caller, uri, () => this.#changed(uri, watched));
      if (watched.isClosed) return watch.close();
      watched.watch = watch;
    } catch (error) {
      if (this.#watched.get(uri) === watched) this.#watched.delete(uri);
      throw error;
    }
  }

  remove(uri: string): void {
    const watched = this.#watched.get(uri);
    if (!watched) return;
    this.#watched.delete(uri);
    watched.isClosed = true;
    clearTimeout(watched.timer);
    watched.watch?.close();
  }

  close(): void {
    this.#isClosed = true;
    for (const uri of [...this.#watched.keys()]) this.remove(uri);
  }

  /** Tells at once, and of what follows within the pause together after it. */
  #changed(uri: string, watched: Watched): void {
    if (watched.isClosed) return;
    if (watched.timer !== undefined) {
      watched.isDirty = true;
      return;
    }
    this.#tell(uri);
    watched.timer = setTimeout(() => {
      delete watched.timer;
      if (!watched.isDirty) return;
      watched.isDirty = false;
      this.#changed(uri, watched);
    }, PAUSE_MS);
  }
}
