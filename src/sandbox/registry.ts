/** Who owns which sandbox. */
import { PodexecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Sandbox } from "./sandbox.ts";

/** Who asks: a principal (who may) and its session (which conversation). */
export interface Caller {
  principal: string;
  session: string;
}

export interface Acquired {
  sandbox: Sandbox;
  /** Said with the result: that the sandbox is new, and what became of the one before. */
  note?: string;
}

export interface RegistryOptions {
  take(): Promise<Sandbox>;
  /** How many sandboxes may be in use at once. */
  limit: number;
  /** Milliseconds without a command after which a sandbox is removed. */
  idleMs: number;
  log: Log;
}

interface Entry extends Caller {
  sandbox: Sandbox;
}

export class Registry {
  readonly #options: RegistryOptions;
  /** By session; a promise, so that two first calls share one sandbox. */
  readonly #sessions = new Map<string, Promise<Entry>>();
  readonly #handles = new Map<string, Entry>();
  /** Sessions that go on while their sandbox was removed for being idle: their next call is told. */
  readonly #bereft = new Set<string>();
  readonly #idleCheck: ReturnType<typeof setInterval>;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#idleCheck = setInterval(() => this.removeIdle(), Math.min(options.idleMs / 4, 30_000));
    (this.#idleCheck as { unref?: () => void }).unref?.();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * The sandbox a call runs in: the one its handle names, else its session's, else a new one.
   *
   * @param handle as an earlier result named it
   * @param signal aborted when the call is cancelled or its session ends: no sandbox is begun any more
   * @throws PodexecError SANDBOX_UNKNOWN, SANDBOX_GONE, LIMIT_REACHED, CANCELLED, or as `Engine.create`
   */
  async acquire(caller: Caller, handle?: string, signal?: AbortSignal): Promise<Acquired> {
    throwIfCancelled(signal);
    if (handle !== undefined) return { sandbox: await this.#byHandle(caller, handle) };
    const known = this.#sessions.get(caller.session);
    if (!known) return { sandbox: (await this.#begin(caller)).sandbox, note: this.#noteFor(caller) };
    const { sandbox } = await known;
    if (sandbox.gone === undefined) return { sandbox };
    return this.#replace(caller, known, { old: sandbox, signal });
  }

  /** Whether a command runs in the session's sandbox, or the sandbox is just being made. */
  isBusy(session: string): boolean {
    if (!this.#sessions.has(session)) return false;
    const entry = [...this.#handles.values()].find((candidate) => candidate.session === session);
    return entry === undefined || entry.sandbox.isBusy;
  }

  /** Removes what a session used, for good. */
  async endSession(session: string): Promise<void> {
    this.#bereft.delete(session);
    await this.#removeFrom(session);
  }

  async #removeFrom(session: string): Promise<void> {
    const pending = this.#sessions.get(session);
    this.#sessions.delete(session);
    const entry = await pending?.catch(() => undefined);
    if (!entry) return;
    this.#handles.delete(entry.sandbox.handle);
    await entry.sandbox.remove();
  }

  /** Removes the sandboxes in which nothing has run for the idle time. */
  removeIdle(now = Date.now()): void {
    for (const entry of this.#handles.values()) {
      const isIdle = !entry.sandbox.isBusy && now - entry.sandbox.lastUsedAt >= this.#options.idleMs;
      if (!isIdle) continue;
      this.#options.log.info(`sandbox ${entry.sandbox.ref.name} was idle and is removed`);
      this.#bereft.add(entry.session);
      void this.#removeFrom(entry.session).catch((error: unknown) => this.#options.log.warn(String(error)));
    }
  }

  /** Removes all sandboxes. */
  async close(): Promise<void> {
    clearInterval(this.#idleCheck);
    await Promise.allSettled([...this.#sessions.keys()].map((session) => this.endSession(session)));
  }

  #noteFor({ session }: Caller): string {
    if (!this.#bereft.delete(session)) return "This is a new sandbox.";
    return "This is a new sandbox: the one before was idle for too long and was removed, and its files with it.";
  }

  async #byHandle(caller: Caller, handle: string): Promise<Sandbox> {
    const entry = this.#handles.get(handle);
    // A handle of somebody else is as unknown as one that never was.
    if (!entry || entry.principal !== caller.principal) {
      throw new PodexecError("SANDBOX_UNKNOWN", `sandbox: there is no sandbox ${handle.slice(0, 64)}`, {
        hint: "Leave out `sandbox` to use this conversation's own; results name its handle.",
      });
    }
    if (entry.sandbox.gone === undefined) return entry.sandbox;
    const why = (await entry.sandbox.explainLoss()) ?? entry.sandbox.gone;
    throw new PodexecError("SANDBOX_GONE", `sandbox: ${handle} is gone: ${why}`, {
      hint: "Leave out `sandbox` to get a new one; its files are gone with the old one.",
    });
  }

  async #begin(caller: Caller): Promise<Entry> {
    if (this.#sessions.size >= this.#options.limit) {
      throw new PodexecError("LIMIT_REACHED", `all ${this.#options.limit} sandboxes of this server are in use`, {
        hint: "End a session that is not needed any more, wait for one to become idle, or raise --max-sessions.",
      });
    }
    const beginning = this.#create(caller);
    this.#sessions.set(caller.session, beginning);
    beginning.catch(() => {
      if (this.#sessions.get(caller.session) === beginning) this.#sessions.delete(caller.session);
    });
    return beginning;
  }

  async #create(caller: Caller): Promise<Entry> {
    const sandbox = await this.#options.take();
    const entry = { ...caller, sandbox };
    sandbox.lastUsedAt = Date.now();
    this.#handles.set(sandbox.handle, entry);
    return entry;
  }

  async #replace(
    caller: Caller,
    known: Promise<Entry>,
    { old, signal }: { old: Sandbox; signal: AbortSignal | undefined },
  ): Promise<Acquired> {
    const why = (await old.explainLoss()) ?? old.gone ?? "unknown";
    // A sandbox begun after its session's end would be nobody's to remove.
    throwIfCancelled(signal);
    // Of several calls that find the sandbox gone, the first replaces it and the others join.
    if (this.#sessions.get(caller.session) === known) {
      this.#sessions.delete(caller.session);
      this.#handles.delete(old.handle);
      void old.remove().catch((error: unknown) => this.#options.log.warn(String(error)));
    }
    const { sandbox } = await (this.#sessions.get(caller.session) ?? this.#begin(caller));
    return { sandbox, note: `This is a new sandbox: the one before is gone (${why}), and its files with it.` };
  }
}

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new PodexecError("CANCELLED", "the call was cancelled before its command began");
}
