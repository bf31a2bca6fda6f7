/** Who owns which sandbox. */
import { PodexecError } from "../../errors.ts";
import { commandName, newCommandId } from "../commands/command-record.ts";
import type { Caller, Entry } from "./entries.ts";
import { digestOf } from "../handle.ts";
import { Keeper, type KeeperOptions, type SandboxRequest } from "./keeper.ts";
import type { Sandbox } from "../sandbox.ts";
import { nameTaken, noteOfNew, type Lives } from "./upkeep.ts";

export type { Caller, Entry } from "./entries.ts";

export interface Acquired {
  sandbox: Sandbox;
  /** Said with the result: that the sandbox is new, and what became of the one before. */
  note?: string;
}

interface Beginning {
  key: string | undefined;
  signal: AbortSignal | undefined;
  /** What became of the sandbox before. */
  before?: string;
}

/** Sessions whose sandbox was removed and that did not call since: more are not told why. */
const MAX_BEREFT = 1_000;

export class Registry {
  readonly #keeper: Keeper;
  /** By session; a promise, so that two first calls share one sandbox. */
  readonly #sessions = new Map<string, Promise<Entry>>();
  /** By principal and idempotency key: what a call without a sandbox made, for its repetition. */
  readonly #keys = new Map<string, Promise<Entry>>();
  /** Sessions that go on while their sandbox was removed, and why. */
  readonly #bereft = new Map<string, string>();

  constructor(options: KeeperOptions) {
    this.#keeper = new Keeper(options, (entry, why) => this.#forget(entry, why));
  }

  get size(): number {
    return this.#keeper.entries.size;
  }

  /** How long sandboxes stay. */
  get lives(): Lives {
    return this.#keeper.options;
  }

  /**
   * The sandbox a call runs in: the one its handle names, else the one in which its idempotency key was used, else its
   * session's, else a new one.
   *
   * @param handle as an earlier result named it
   * @param signal aborted when the call is cancelled or its session ends: no sandbox is begun any more
   * @param key the call's idempotency key
   * @throws PodexecError SANDBOX_UNKNOWN, SANDBOX_GONE, LIMIT_REACHED, CANCELLED, or as `Engine.create`
   */
  async acquire(caller: Caller, handle?: string, signal?: AbortSignal, key?: string): Promise<Acquired> {
    this.#keeper.throwIfOver(signal);
    if (handle !== undefined) return { sandbox: this.#use(await this.#byHandle(caller, handle), caller).sandbox };
    const repeated = key === undefined ? undefined : await this.#knower(caller, commandName(newCommandId(key)));
    if (repeated) return { sandbox: this.#use(repeated, caller).sandbox };
    const slot = this.#slotOf(caller, key);
    const known = slot?.get();
    if (!known) return this.#begin(caller, { key, signal });
    const entry = await known;
    const why = await whyGone(entry);
    if (why === undefined) return { sandbox: this.#use(entry, caller).sandbox };
    // A sandbox begun after its session's end would be nobody's to remove.
    this.#keeper.throwIfOver(signal);
    // Of several calls that find the sandbox gone, the first replaces it and the others join.
    if (slot?.get() === known) void this.#keeper.drop(entry, `is gone (${why})`).catch(() => {});
    const joined = await slot?.get();
    const before = `is gone (${why})`;
    if (!joined) return this.#begin(caller, { key, signal, before });
    return { sandbox: joined.sandbox, note: this.#noteOf(caller, joined, before) };
  }

  /** A new sandbox as the caller wants it, and its session's where that has none yet. */
  async create(
    caller: Caller,
    request: SandboxRequest,
    signal?: AbortSignal,
  ): Promise<{ entry: Entry; isDefault: boolean }> {
    this.#keeper.throwIfOver(signal);
    if (request.name !== undefined && this.#keeper.entries.hasName(caller.principal, request.name)) {
      throw nameTaken(request.name);
    }
    const { session } = caller;
    const isDefault = session !== undefined && !this.#sessions.has(session);
    const making = this.#keeper.make(originOf(caller), request);
    if (isDefault) this.#keep(this.#sessions, session, making);
    const entry = await making;
    if (isDefault && this.#sessions.get(session) === making) entry.sessions.add(session);
    // Nobody would ever hear of its handle.
    if (signal?.aborted) await this.#keeper.drop(entry);
    this.#keeper.throwIfOver(signal);
    return { entry, isDefault };
  }

  /** All sandboxes that have an owner. */
  sandboxes(): Sandbox[] {
    return this.#keeper.entries.all().map(({ sandbox }) => sandbox);
  }

  /** The caller's sandboxes, the oldest first. */
  list(caller: Caller): Entry[] {
    const age = ({ sandbox }: Entry) => sandbox.note.createdAt;
    return this.#keeper.entries.of(caller.principal).toSorted((a, b) => age(a) - age(b));
  }

  /** One of the caller's: the one its handle names, else its session's. @throws PodexecError SANDBOX_UNKNOWN, SANDBOX_GONE */
  async info(caller: Caller, handle?: string): Promise<Entry> {
    if (handle !== undefined) return this.#byHandle(caller, handle);
    const own = await this.#own(caller);
    if (own) return own;
    throw new PodexecError("SANDBOX_UNKNOWN", "sandbox: this conversation has none yet", {
      hint: "Pass the handle of one as `sandbox`: sandbox_list shows all of yours. Without, the first command makes a new one.",
    });
  }

  /** Ends a sandbox for good, whatever runs in it. @throws PodexecError as `info` */
  async remove(caller: Caller, handle: string): Promise<void> {
    await this.#keeper.drop(await this.#byHandle(caller, handle), "was closed");
  }

  /**
   * The sandbox that knows a command: the session's, else any of the caller's.
   *
   * @param commandId as results name it
   * @throws PodexecError COMMAND_UNKNOWN
   */
  async byCommand(caller: Caller, commandId: string): Promise<Sandbox> {
    const found = await this.#knower(caller, commandId);
    if (found) return this.#use(found).sandbox;
    throw new PodexecError("COMMAND_UNKNOWN", `id: there is no command ${commandId.slice(0, 64)}`, {
      hint: "shell_list shows what there is; a sandbox that is gone took its commands with it.",
    });
  }

  /** Whether a command runs in the session's sandbox, or the sandbox is just being made. */
  isBusy(session: string): boolean {
    if (!this.#sessions.has(session)) return false;
    const entry = this.#keeper.entries.all().find(({ sessions }) => sessions.has(session));
    return entry === undefined || entry.sandbox.isBusy;
  }

  /** A conversation is over: its sandbox lingers for a call with its handle, and then goes. */
  async endSession(session: string): Promise<void> {
    this.#bereft.delete(session);
    const pending = this.#sessions.get(session);
    this.#sessions.delete(session);
    const entry = await pending?.catch(() => undefined);
    entry?.sessions.delete(session);
    if (!entry || entry.sessions.size > 0) return;
    entry.lingersSince = Date.now();
    if (this.lives.lingerMs === 0) await this.#keeper.drop(entry, "was removed with its conversation");
  }

  /** As `Keeper.removeOverdue`. */
  removeOverdue(now = Date.now()): void {
    this.#keeper.removeOverdue(now);
  }

  /** Takes over what servers that are gone left behind. @returns how many sandboxes */
  takeOver(): Promise<number> {
    return this.#keeper.takeOver((entry) => {
      const { key } = entry.sandbox.note;
      if (key !== undefined) this.#keys.set(`${entry.principal}\0${key}`, Promise.resolve(entry));
    });
  }

  /** As `Keeper.close`. */
  close(): Promise<void> {
    return this.#keeper.close();
  }

  /** As `Keeper.leave`. */
  leave(): void {
    this.#keeper.leave();
  }

  async #byHandle(caller: Caller, handle: string): Promise<Entry> {
    const entry = await this.#keeper.find(handle, caller.principal);
    // A handle of somebody else is as unknown as one that never was.
    if (!entry || entry.principal !== caller.principal) {
      const why = this.#keeper.entries.whyRemoved(handle, caller.principal);
      throw why === undefined ? unknown(handle) : gone(handle, why);
    }
    const why = await whyGone(entry);
    if (why === undefined) return this.#use(entry);
    void this.#keeper.drop(entry, `is gone (${why})`).catch(() => {});
    throw gone(handle, `is gone (${why})`);
  }

  /** Where a call without a handle finds its sandbox again. */
  #slotOf(caller: Caller, key: string | undefined): { get(): Promise<Entry> | undefined } | undefined {
    const { session, principal } = caller;
    if (session !== undefined && this.#sessions.has(session)) return { get: () => this.#sessions.get(session) };
    if (key === undefined) return undefined;
    const id = `${principal}\0${digestOf(key)}`;
    return { get: () => this.#keys.get(id) };
  }

  async #begin(caller: Caller, { key, signal, before }: Beginning): Promise<Acquired> {
    const { session, principal } = caller;
    const origin = originOf(caller, key);
    const making = this.#keeper.make(origin);
    if (session !== undefined) this.#keep(this.#sessions, session, making);
    if (origin.key !== undefined) this.#keep(this.#keys, `${principal}\0${origin.key}`, making);
    const entry = await making;
    if (session !== undefined && this.#sessions.get(session) === making) entry.sessions.add(session);
    if (session === undefined && key === undefined) lingerOnAbort(entry, signal);
    return { sandbox: entry.sandbox, note: this.#noteOf(caller, entry, before) };
  }

  /** A sandbox that could not be made is in nobody's way. */
  #keep(map: Map<string, Promise<Entry>>, id: string, making: Promise<Entry>): void {
    map.set(id, making);
    making.catch(() => {
      if (map.get(id) === making) map.delete(id);
    });
  }

  #use(entry: Entry, caller?: Caller): Entry {
    this.#keeper.use(entry);
    const session = caller?.session;
    if (session === undefined || this.#sessions.has(session)) return entry;
    this.#sessions.set(session, Promise.resolve(entry));
    entry.sessions.add(session);
    return entry;
  }

  /** The sandbox that knows a command: the session's before others of the caller's. */
  async #knower(caller: Caller, commandId: string): Promise<Entry | undefined> {
    const own = await this.#own(caller);
    const candidates = own ? [own, ...this.list(caller)] : this.list(caller);
    return candidates.find(({ sandbox }) => sandbox.gone === undefined && sandbox.commands.knows(commandId));
  }

  async #own({ session }: Caller): Promise<Entry | undefined> {
    const entry = session === undefined ? undefined : await this.#sessions.get(session)?.catch(() => undefined);
    return entry?.sandbox.gone === undefined ? entry : undefined;
  }

  #noteOf(caller: Caller, entry: Entry, before?: string): string {
    const told = before ?? (caller.session === undefined ? undefined : this.#bereft.get(caller.session));
    if (caller.session !== undefined) this.#bereft.delete(caller.session);
    const { idleMs } = this.lives;
    return noteOfNew(caller, entry, { idleMs, ...(told === undefined ? {} : { before: told }) });
  }

  /** A sandbox is kept no more: its sessions go on without it. */
  #forget(entry: Entry, why: string | undefined): void {
    for (const session of entry.sessions) {
      this.#sessions.delete(session);
      if (why !== undefined && this.#bereft.size < MAX_BEREFT) this.#bereft.set(session, why);
    }
    const { key } = entry.sandbox.note;
    if (key !== undefined) this.#keys.delete(`${entry.principal}\0${key}`);
  }
}

/** The result is the only one that names its handle: of a call that is given up nobody hears it. */
function lingerOnAbort(entry: Entry, signal: AbortSignal | undefined): void {
  const linger = () => void (entry.lingersSince ??= Date.now());
  if (signal?.aborted) linger();
  else signal?.addEventListener("abort", linger, { once: true });
}

function originOf({ principal, session }: Caller, key?: string) {
  return {
    principal,
    ...(session === undefined ? {} : { session }),
    ...(key === undefined ? {} : { key: digestOf(key) }),
  };
}

/** Why a sandbox that was kept is there no more; undefined while it is. */
async function whyGone({ sandbox }: Entry): Promise<string | undefined> {
  await sandbox.settled();
  if (sandbox.gone === undefined) return undefined;
  return (await sandbox.explainLoss()) ?? sandbox.gone;
}

function unknown(handle: string): PodexecError {
  return new PodexecError("SANDBOX_UNKNOWN", `sandbox: there is no sandbox ${handle.slice(0, 64)}`, {
    hint: "Give a handle (sbx_...), not a name: sandbox_list shows all of yours. Leave out `sandbox` for this conversation's own.",
  });
}

function gone(handle: string, why: string): PodexecError {
  return new PodexecError("SANDBOX_GONE", `sandbox: ${handle} ${why}`, {
    hint: "Its files are gone with it. sandbox_list shows yours; without `sandbox` a command runs in this conversation's.",
  });
}
