/** One command and those who wait for it, each with a cursor of its own. */
import { PodexecError } from "../../errors.ts";
import { isLoss, leftBy, toldEnd, withoutLeft, type End } from "./command-end.ts";
import type { CommandContext } from "./command-context.ts";
import { CommandOutput, type Page, type PageOptions } from "./command-output.ts";
import { commandName, type CommandRecord } from "./command-record.ts";
import type { AgentError, Exited, Listed } from "../agent/frames-answers.ts";
import type { TerminalSize } from "../agent/frames-requests.ts";
import type { CommandHandlers, Link } from "../agent/link.ts";
import { endedAgain, startError, type Ending, type Outcome } from "./outcome.ts";
import { OutputCollector } from "../output/output.ts";
import { Pushes, type Head } from "./pushes.ts";
import type { ScreenView } from "../output/screen.ts";
import { Waiters, type WaitOptions } from "./waiters.ts";

/** Between SIGTERM and SIGKILL. */
export const GRACE_MS = 2_000;
/** The agent ends a command by itself; one that does not answer so long after that is given up. */
const BACKSTOP_MS = 15_000;
/** How often the log of what a finished command left running is looked at while somebody waits for it. */
const POLL_MS = 200;
const AGAIN_MS = 10;
const LOOK_MS = 1_000;
/** After a wait of so long the agent is asked whether the end was missed. */
const LONG_MS = 5_000;

export class Command implements CommandHandlers {
  readonly id: bigint;
  readonly name: string;
  readonly record: CommandRecord;
  readonly output: CommandOutput;
  /** The agent refused to start it because it knows the id. */
  isKnownAlready = false;
  readonly #context: CommandContext;
  readonly #waiters = new Waiters();
  readonly #pushes: Pushes;
  #end: End | undefined;
  #hasBegun = false;
  #endedBy: "cancelled" | "killed" | undefined;
  #endings = 0;
  #killGraceMs: number | undefined;
  #lookedAt = 0;
  #backstop: ReturnType<typeof setTimeout> | undefined;

  constructor(id: bigint, record: CommandRecord, { context, head }: { context: CommandContext; head?: Head }) {
    this.id = id;
    this.name = commandName(id);
    this.record = record;
    this.#context = context;
    this.output = new CommandOutput(record, context.mask);
    this.#pushes = new Pushes(head);
    this.#hasBegun = head === undefined;
    if (head && record.timeoutMs !== undefined) this.#watch(record.timeoutMs);
  }

  get isRunning(): boolean {
    return this.#end === undefined;
  }

  /** It could not be started, or nobody can know what became of it. */
  get hasFailed(): boolean {
    return this.#end !== undefined && "failed" in this.#end;
  }

  get link(): Link {
    return this.output.link;
  }

  /** Processes that it left running when it ended. */
  get leftCount(): number {
    return leftBy(this.#end);
  }

  /** The end as it was told; undefined while it runs, or where there is none to tell. */
  get ending(): Ending | undefined {
    const { total } = this.output;
    const known = { cwd: this.record.cwd, by: this.#endedBy, total, ageMs: this.ageMs };
    return toldEnd(this.#end, { ...known, mask: this.#context.mask() });
  }

  get ageMs(): number {
    return Math.max(0, Date.now() - this.record.startedAt);
  }

  /** Waits for the end. @returns whether it has ended @throws PodexecError where it could not be started */
  async untilEnd(options: WaitOptions): Promise<boolean> {
    const since = performance.now();
    await this.#waiters.until(() => !this.isRunning, options);
    if (this.isRunning && performance.now() > since + LONG_MS) await this.#look();
    if (this.#end && "failed" in this.#end) throw this.#end.failed;
    return !this.isRunning;
  }

  /** As `untilEnd`; the signal ends the command's whole tree, at once, unless it is kept. */
  async untilEndOrKill({ isKept = false, ...options }: WaitOptions & { isKept?: boolean }): Promise<boolean> {
    if (isKept) return this.untilEnd(options);
    // Whoever gives a call up may end the whole sandbox next: the agent has to hear of this before.
    const onAbort = () => void this.kill("cancelled").catch(() => {});
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const hasEnded = await this.untilEnd(options);
    options.signal?.removeEventListener("abort", onAbort);
    return hasEnded || (options.signal?.aborted === true && this.untilEnd({ waitMs: Infinity }));
  }

  /** Waits until the agent has begun with it. @throws PodexecError where it could not be started */
  async untilBegun(options: WaitOptions): Promise<void> {
    await this.#waiters.until(() => this.#hasBegun || !this.isRunning, options);
    if (this.#end && "failed" in this.#end) throw this.#end.failed;
  }

  /** How it ended, with head and tail of its output. Only after its end. @param limit bytes of output */
  async outcome(limit: number): Promise<Outcome & { cursor: number }> {
    const ending = this.ending;
    if (!ending) throw new PodexecError("INTERNAL", `${this.name} has not ended`);
    const nothing = isLoss(this.#end) ? new OutputCollector(limit) : undefined;
    const collector = this.#pushes.collector ?? nothing ?? (await this.output.headAndTail(ending.totalBytes, limit));
    this.letGo();
    const { text, truncated, held } = this.output.render(collector, ending.totalBytes, {
      ...(ending.outputFile ? { file: ending.outputFile } : {}),
      isOpen: ending.leftCount > 0,
    });
    return { ...ending, output: text, truncated, cursor: ending.totalBytes - held };
  }

  /** Nobody wants its first result any more: what was pushed need not be held. */
  letGo(): void {
    this.#pushes.letGo();
  }

  /**
   * Output from a cursor on, as soon as the wait is over.
   *
   * @throws PodexecError COMMAND_UNKNOWN where the sandbox has forgotten it, SANDBOX_GONE
   */
  async page(cursor: number, options: PageOptions): Promise<Page> {
    const until = performance.now() + options.waitMs;
    const left = () => ({ ...options, waitMs: Math.max(0, until - performance.now()) });
    if (options.until === "end") await this.untilEnd(left());
    for (;;) {
      const page = await this.#read(cursor, options.limit);
      const isOver = performance.now() >= until || options.signal?.aborted === true;
      if (options.until === "end" || page.cursor > cursor || isOver || this.#isFinal()) return page;
      await this.#untilMore(page.total, left());
    }
  }

  /** Waits until there is more output than `known`, or the command ends. */
  async #untilMore(known: number, options: WaitOptions): Promise<void> {
    if (this.#end) {
      await this.#pause(POLL_MS, options);
      return this.#look();
    }
    // What was pushed and cannot be read: an agent may say so for ever.
    if (this.output.total > known) return this.#pause(AGAIN_MS, options);
    if (!this.#pushes.reaches(this.output.total)) this.attach(this.output.total);
    await this.#waiters.until(() => this.output.total > known || !this.isRunning, options);
  }

  /** Waits until nothing has been written for a while. @returns bytes of output then */
  async untilQuiet(from: number, { quietMs, ...options }: WaitOptions & { quietMs: number }): Promise<void> {
    const until = performance.now() + options.waitMs;
    let known = from;
    for (;;) {
      const left = Math.max(0, until - performance.now());
      await this.#untilMore(known, { ...options, waitMs: known === from ? left : Math.min(quietMs, left) });
      const total = this.#end && "lost" in this.#end ? known : await this.output.length();
      if (total === known || !this.isRunning || performance.now() >= until) return;
      known = total;
    }
  }

  /** What its terminal shows; undefined where it has none. @throws PodexecError as `page` */
  async screen(): Promise<ScreenView | undefined> {
    if (isLoss(this.#end)) return undefined;
    const view = await this.output.screen();
    if (!this.isRunning) this.output.letGo();
    return view;
  }

  /** Gives its terminal another size. @throws PodexecError COMMAND_ENDED where it has none */
  async resize(size: TerminalSize): Promise<void> {
    await this.link.resize(size);
    this.output.resize(size);
  }

  /** From now on this connection is told of its output and its end. */
  attach(total: number): void {
    this.output.grow(total);
    this.link.attach(this.#pushes.from(this.output.total));
  }

  /**
   * Ends the whole tree, also what it left running after its end.
   *
   * @returns how many processes were ended and how many could not be
   * @throws PodexecError SANDBOX_GONE, AGENT_PROTOCOL
   */
  async kill(by: "cancelled" | "killed", graceMs = GRACE_MS): Promise<{ killed: number; survivors: number }> {
    if (this.isRunning) this.#endedBy ??= by;
    const before = this.#endings;
    await this.link.kill(graceMs);
    const limit = { waitMs: graceMs + BACKSTOP_MS };
    this.#killGraceMs = graceMs;
    await this.#waiters.until(() => this.#endings > before || isLoss(this.#end), limit);
    this.#killGraceMs = undefined;
    if (this.#end && "exited" in this.#end && this.#endings > before) return this.#end.exited;
    if (isLoss(this.#end)) throw new PodexecError("SANDBOX_GONE", "the sandbox is gone, and the command with it");
    this.#context.giveUp("it does not end a command");
    throw new PodexecError("AGENT_PROTOCOL", "the sandbox does not answer any more");
  }

  onStarted(): void {
    this.#hasBegun = true;
    this.#waiters.wake();
  }

  onOutput(offset: number, bytes: Uint8Array): void {
    this.#hasBegun = true;
    this.#pushes.take(offset, bytes);
    this.output.grow(offset + bytes.length);
    this.#waiters.wake();
  }

  onExited(exited: Exited): void {
    this.output.grow(exited.total);
    this.#endings++;
    // The first word holds; after a KILL of what was left, what became of that is news.
    if (!this.#end) this.#finish({ exited });
    else if ("exited" in this.#end) this.#end = { exited: endedAgain(this.#end.exited, exited) };
    this.#waiters.wake();
  }

  onError(error: AgentError): void {
    this.isKnownAlready = error.code === "exists";
    if (!this.#end) this.#finish({ failed: startError(error) });
  }

  onResumed(row: Listed | undefined): void {
    if (this.#killGraceMs !== undefined) void this.link.kill(this.#killGraceMs).catch(() => {});
    if (this.#end) return this.#waiters.wake();
    if (!row) return this.onError({ code: "unknown", message: "the sandbox does not know the command any more" });
    this.link.attach(this.#pushes.again(this.output.total));
    this.output.grow(row.total);
    this.#waiters.wake();
  }

  onLost(reason: string): void {
    if (this.#end) return this.#waiters.wake();
    const lost = (why: { text: string; outOfMemory: boolean }) => !this.#end && this.#finish({ lost: why });
    void this.#context.whyLost(reason).then(lost, () => lost({ text: reason, outOfMemory: false }));
  }

  #finish(end: End): void {
    this.#end = end;
    clearTimeout(this.#backstop);
    this.output.letGo();
    this.#context.onEnd(this);
    this.#waiters.wake();
  }

  #watch(timeoutMs: number): void {
    this.#backstop = setTimeout(() => void this.#giveUp(), timeoutMs + GRACE_MS + BACKSTOP_MS);
    (this.#backstop as { unref?: () => void }).unref?.();
  }

  async #giveUp(): Promise<void> {
    await this.#look();
    if (this.#end) return;
    const message = "the sandbox does not answer any more";
    this.#finish({ failed: new PodexecError("AGENT_PROTOCOL", message) });
    this.#context.giveUp(message);
  }

  /** Nothing can come any more. */
  #isFinal(): boolean {
    return this.#end !== undefined && this.leftCount === 0;
  }

  /** Another server may have been told of its end, and what it left running may have ended: the agent knows. */
  async #look(): Promise<void> {
    if (performance.now() < this.#lookedAt + LOOK_MS) return;
    this.#lookedAt = performance.now();
    const row = await this.#context.look(this.id).catch(() => undefined);
    if (row?.exited && !this.#end) {
      this.letGo();
      return this.onExited(row.exited);
    }
    if (row?.state === "finished" && this.#end) this.#end = withoutLeft(this.#end);
  }

  #pause(ms: number, options: WaitOptions): Promise<void> {
    return this.#waiters.until(() => false, { ...options, waitMs: Math.min(ms, options.waitMs) });
  }

  async #read(cursor: number, limit: number): Promise<Page> {
    if (isLoss(this.#end)) return { text: "", cursor, total: this.output.total };
    return this.output.page(cursor, { limit, isFinal: this.#isFinal() });
  }
}
