/** Keeps sandboxes: makes them, takes them over, and removes them when their time is over. */
import { PodexecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { adoptOrphans, lookUp } from "./adoption.ts";
import type { Engine } from "../engine.ts";
import { Entries, type Entry } from "./entries.ts";
import { isHandle } from "../handle.ts";
import type { Note, Notes } from "../note.ts";
import { secretValues } from "../output/secret-values.ts";
import type { Sandbox } from "../sandbox.ts";
import { limitReached, nameTaken, whyOverdue, type Lives } from "./upkeep.ts";
import type { Wish } from "./wishes.ts";

export interface KeeperOptions extends Lives {
  engine: Engine;
  notes: Notes;
  /** A sandbox as the server's options have it. */
  take(): Promise<Sandbox>;
  /** One as a client wants it. @throws PodexecError REFUSED where the operator does not allow that */
  make(wish: Wish): Promise<Sandbox>;
  /** How many sandboxes there may be at once, in all and of one principal. */
  limit: number;
  limitPerPrincipal: number;
  /** Milliseconds after which a sandbox is removed, whatever it does. */
  lifetimeMs: number;
  log: Log;
}

/** What a caller may say about a sandbox of its own making. */
export interface SandboxRequest {
  /** Unique among its owner's. */
  name?: string | undefined;
  /** Undefined: as the server's options have it. */
  wish?: Wish | undefined;
  /** Milliseconds from now on; at most the server's lifetime. */
  ttlMs?: number | undefined;
}

/** Whose a new sandbox is. */
export type Origin = Pick<Note, "session" | "key"> & { principal: string };

/** How often a server makes sure, before a call, that it is the one that keeps a sandbox. */
const CLAIM_EVERY_MS = 1_000;

export class Keeper {
  readonly entries = new Entries();
  readonly options: KeeperOptions;
  readonly #onDropped: (entry: Entry, why: string | undefined) => void;
  readonly #lookUps = new Map<string, Promise<Sandbox | undefined>>();
  readonly #making = new Set<Promise<Entry>>();
  /** Those whose agent is being asked whether they are in use. */
  readonly #asked = new Set<Entry>();
  readonly #check: ReturnType<typeof setInterval>;
  #isClosed = false;

  /** @param onDropped hears of every sandbox that is kept no more, and why if its owner is to be told */
  constructor(options: KeeperOptions, onDropped: (entry: Entry, why: string | undefined) => void) {
    this.options = options;
    this.#onDropped = onDropped;
    const shortest = Math.min(options.idleMs, options.lingerMs || options.idleMs, options.lifetimeMs);
    this.#check = setInterval(() => this.removeOverdue(), Math.max(50, Math.min(shortest / 4, 30_000)));
    (this.#check as { unref?: () => void }).unref?.();
  }

  /** @throws PodexecError INTERRUPTED, CANCELLED */
  throwIfOver(signal?: AbortSignal): void {
    if (this.#isClosed) throw new PodexecError("INTERRUPTED", "the server is stopping");
    if (signal?.aborted) throw new PodexecError("CANCELLED", "the call was cancelled before its command began");
  }

  /** A new sandbox for its owner. @throws PodexecError LIMIT_REACHED, INTERRUPTED, or as `Engine.create` */
  make(origin: Origin, request: SandboxRequest = {}): Promise<Entry> {
    const making = this.#make(origin, request);
    this.#making.add(making);
    void making.finally(() => this.#making.delete(making)).catch(() => {});
    return making;
  }

  /** A sandbox by its handle, also one that another server has made and that is this principal's. */
  async find(handle: string, principal: string): Promise<Entry | undefined> {
    const known = this.entries.get(handle);
    if (known || !isHandle(handle)) return known;
    const looking = this.#lookUps.get(handle) ?? this.#lookUp(handle);
    const sandbox = await looking;
    const entry = this.entries.get(handle);
    if (!sandbox || entry || sandbox.gone !== undefined) return entry;
    if (this.#isClosed || sandbox.note.principal !== principal) {
      sandbox.detach();
      return undefined;
    }
    await this.options.engine.claim(sandbox.ref);
    return this.entries.add(sandbox, principal);
  }

  /** Takes over what servers that are gone left behind. @param onTaken gets each @returns how many came in time */
  takeOver(onTaken: (entry: Entry) => void): Promise<number> {
    const { engine, notes, log } = this.options;
    return adoptOrphans(engine, notes, {
      log,
      onAdopted: (sandbox) => {
        // Somebody may have asked for it by its handle meanwhile.
        if (this.#isClosed || this.entries.get(sandbox.handle)) sandbox.detach();
        else onTaken(this.entries.add(sandbox, sandbox.note.principal ?? ""));
      },
    });
  }

  /** Notes that somebody uses a sandbox. */
  use(entry: Entry): void {
    const now = Date.now();
    entry.sandbox.lastUsedAt = now;
    if (entry.sessions.size === 0 && entry.lingersSince !== undefined) entry.lingersSince = undefined;
    if (now - entry.claimedAt < CLAIM_EVERY_MS) return;
    entry.claimedAt = now;
    const { engine, log } = this.options;
    const { ref } = entry.sandbox;
    // Another server was asked for it meanwhile; the last one that is asked is the one that keeps it.
    if (!engine.isClaimed(ref)) void engine.claim(ref).catch((error: unknown) => log.debug(String(error)));
  }

  /** Removes a sandbox. @param why told to its owner who asks for it later; undefined: nobody will */
  async drop(entry: Entry, why?: string): Promise<void> {
    this.entries.drop(entry, why);
    this.#onDropped(entry, why);
    await entry.sandbox.remove();
  }

  /** Removes the sandboxes whose time is over, and leaves those alone that another server keeps by now. */
  removeOverdue(now = Date.now()): void {
    for (const entry of this.entries.all()) {
      const { sandbox } = entry;
      if (sandbox.gone !== undefined) {
        void this.#bury(entry).catch((error: unknown) => this.options.log.warn(String(error)));
        continue;
      }
      const why = whyOverdue(entry, this.options, now);
      if (sandbox.isBusy) sandbox.lastUsedAt = now;
      if (why === undefined) continue;
      if (!this.options.engine.isClaimed(sandbox.ref)) this.#release(entry);
      else if (sandbox.note.expiresAt !== undefined && now >= sandbox.note.expiresAt) this.#dropSoon(entry, why);
      else if (!this.#asked.has(entry)) void this.#dropUnused(entry, now);
    }
  }

  /** Removes all sandboxes but those that another server keeps by now. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.allSettled([...this.#making, ...this.#lookUps.values()]);
    const isMine = ({ sandbox }: Entry) => sandbox.gone !== undefined || this.options.engine.isClaimed(sandbox.ref);
    for (const entry of this.entries.all()) if (!isMine(entry)) this.#release(entry);
    await Promise.allSettled(this.entries.all().map((entry) => this.drop(entry)));
  }

  /** Leaves all sandboxes to the next server, at once: what runs in them goes on, and whoever waits hears nothing. */
  leave(): void {
    this.#stop();
    for (const entry of this.entries.all()) this.#release(entry, true);
  }

  #stop(): void {
    this.#isClosed = true;
    clearInterval(this.#check);
  }

  #release(entry: Entry, silently = false): void {
    this.entries.drop(entry);
    this.#onDropped(entry, undefined);
    entry.sandbox.detach(silently);
  }

  /** One that ended by itself makes room, and its owner is told why when asking for it. */
  async #bury(entry: Entry): Promise<void> {
    const why = (await entry.sandbox.explainLoss()) ?? "unknown";
    if (this.entries.get(entry.sandbox.handle) === entry) await this.drop(entry, `is gone (${why})`);
  }

  /** Removes one that seems to be idle, unless somebody whom only its agent knows of uses it. */
  async #dropUnused(entry: Entry, now: number): Promise<void> {
    this.#asked.add(entry);
    const isUsed = await entry.sandbox.isUsedByOthers();
    this.#asked.delete(entry);
    if (isUsed) entry.sandbox.lastUsedAt = Math.max(entry.sandbox.lastUsedAt, now);
    const why = this.entries.get(entry.sandbox.handle) === entry && whyOverdue(entry, this.options, now);
    if (why && !this.#isClosed) this.#dropSoon(entry, why);
  }

  #dropSoon(entry: Entry, why: string): void {
    this.options.log.info(`sandbox ${entry.sandbox.ref.name} ${why}`);
    void this.drop(entry, why).catch((error: unknown) => this.options.log.warn(String(error)));
  }

  #lookUp(handle: string): Promise<Sandbox | undefined> {
    const looking = lookUp(this.options.engine, handle, this.options.notes);
    this.#lookUps.set(handle, looking);
    void looking.finally(() => this.#lookUps.delete(handle));
    return looking;
  }

  async #make(origin: Origin, { name, wish, ttlMs }: SandboxRequest): Promise<Entry> {
    this.throwIfOver();
    // Between the last look and `begin` nothing else runs.
    for (let full = this.#fullness(origin.principal); full; full = this.#fullness(origin.principal)) {
      if (!(await this.#evict(full.candidates))) throw limitReached(full.message, this.#own(origin.principal));
      this.throwIfOver();
    }
    if (name !== undefined && this.entries.hasName(origin.principal, name)) throw nameTaken(name);
    const end = this.entries.begin(origin.principal, name);
    try {
      const sandbox = await (wish ? this.options.make(wish) : this.options.take());
      const expiresAt = Date.now() + Math.min(ttlMs ?? Number.POSITIVE_INFINITY, this.options.lifetimeMs);
      sandbox.keep(this.options.notes, { ...origin, ...(name === undefined ? {} : { name }), expiresAt });
      sandbox.commands.hide(secretValues(wish?.env ?? {}));
      sandbox.lastUsedAt = Date.now();
      return this.entries.add(sandbox, origin.principal);
    } finally {
      end();
    }
  }

  /** Where there are as many as allowed: which of them may go. */
  #fullness(principal: string): { candidates: Entry[]; message: string } | undefined {
    const { limit, limitPerPrincipal } = this.options;
    if (this.entries.count() >= limit) {
      return { candidates: this.entries.all(), message: `all ${limit} sandboxes of this server are in use` };
    }
    if (this.entries.count(principal) < limitPerPrincipal) return undefined;
    const message = `you have ${limitPerPrincipal} sandboxes, which is as many as allowed`;
    return { candidates: this.entries.of(principal), message };
  }

  #own(principal: string): Entry[] {
    return this.entries.of(principal).toSorted((a, b) => a.sandbox.lastUsedAt - b.sandbox.lastUsedAt);
  }

  /** Removes one of them: those without a conversation go first, the longest so before others. @returns whether it did */
  async #evict(candidates: readonly Entry[]): Promise<boolean> {
    const dead = candidates.find(({ sandbox }) => sandbox.gone !== undefined);
    if (dead) {
      this.#dropSoon(dead, "is gone");
      return true;
    }
    const isFree = ({ sandbox, lingersSince }: Entry) => lingersSince !== undefined && !sandbox.isBusy;
    const free = candidates.filter(isFree).toSorted((a, b) => (a.lingersSince ?? 0) - (b.lingersSince ?? 0));
    for (const entry of free) {
      if (await entry.sandbox.isUsedByOthers()) continue;
      // Somebody may have come back to it, or another call have removed it: then all is counted anew.
      if (this.entries.get(entry.sandbox.handle) !== entry || !isFree(entry)) return true;
      this.#dropSoon(entry, "was removed after its conversation had ended, to make room");
      return true;
    }
    return false;
  }
}
