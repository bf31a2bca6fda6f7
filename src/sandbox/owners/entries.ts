/** The sandboxes a server keeps, by handle, and what it remembers of those it has removed. */
import type { Sandbox } from "../sandbox.ts";

/** Who asks: a principal (who may) and its session (which conversation), where the protocol has such a thing. */
export interface Caller {
  principal: string;
  session: string | undefined;
}

/** One sandbox that somebody owns. */
export interface Entry {
  readonly sandbox: Sandbox;
  readonly principal: string;
  /** The conversations whose calls find it by themselves. */
  readonly sessions: Set<string>;
  /** Since when it has been without a conversation, as `Date.now()`; undefined where it never had or still has one. */
  lingersSince: number | undefined;
  /** When this server last made sure that it is the one that keeps it. */
  claimedAt: number;
}

/** How many removed sandboxes are remembered, so that their owners hear why they are gone. */
const MAX_REMEMBERED = 1_000;

export class Entries {
  readonly #byHandle = new Map<string, Entry>();
  readonly #removed = new Map<string, { principal: string; why: string }>();
  readonly #beginning = new Set<{ principal: string; name: string | undefined }>();

  get size(): number {
    return this.#byHandle.size;
  }

  all(): Entry[] {
    return [...this.#byHandle.values()];
  }

  get(handle: string): Entry | undefined {
    return this.#byHandle.get(handle);
  }

  of(principal: string): Entry[] {
    return this.all().filter((entry) => entry.principal === principal);
  }

  /** Keeps a sandbox for its owner. */
  add(sandbox: Sandbox, principal: string): Entry {
    const known = this.#byHandle.get(sandbox.handle);
    if (known?.sandbox === sandbox) return known;
    const entry = { sandbox, principal, sessions: new Set<string>(), lingersSince: undefined, claimedAt: Date.now() };
    this.#byHandle.set(sandbox.handle, entry);
    return entry;
  }

  /** Takes a sandbox out. @param why told to its owner who names it later; without it nothing is remembered */
  drop(entry: Entry, why?: string): void {
    const { handle } = entry.sandbox;
    if (this.#byHandle.get(handle) === entry) this.#byHandle.delete(handle);
    if (why === undefined) return;
    this.#removed.set(handle, { principal: entry.principal, why });
    const [oldest] = this.#removed.keys();
    if (this.#removed.size > MAX_REMEMBERED && oldest !== undefined) this.#removed.delete(oldest);
  }

  /** Why a sandbox of this principal was removed; undefined where that is not known. */
  whyRemoved(handle: string, principal: string): string | undefined {
    const removed = this.#removed.get(handle);
    return removed?.principal === principal ? removed.why : undefined;
  }

  /** How many there are or are being made, in all or of one principal. */
  count(principal?: string): number {
    const isCounted = (one: { principal: string }) => principal === undefined || one.principal === principal;
    return this.all().filter(isCounted).length + [...this.#beginning].filter(isCounted).length;
  }

  /** Whether a principal has a sandbox of that name, or one is being made. */
  hasName(principal: string, name: string): boolean {
    const isIt = (one: { principal: string; name?: string | undefined }) =>
      one.principal === principal && one.name === name;
    return this.of(principal).some(({ sandbox }) => sandbox.note.name === name) || [...this.#beginning].some(isIt);
  }

  /** Counts a sandbox that is being made. @returns what ends that */
  begin(principal: string, name: string | undefined): () => void {
    const beginning = { principal, name };
    this.#beginning.add(beginning);
    return () => this.#beginning.delete(beginning);
  }
}
