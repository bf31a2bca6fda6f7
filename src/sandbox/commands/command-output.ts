/** A command's output as the agent keeps it, told in parts. */
import { PodexecError } from "../../errors.ts";
import type { CommandRecord } from "./command-record.ts";
import { plainText } from "../output/escapes.ts";
import type { Link } from "../agent/link.ts";
import type { Mask } from "../output/mask.ts";
import { OutputCollector, type RenderOptions } from "../output/output.ts";
import { readPiece, readTotal, type Piece } from "../output/output-reader.ts";
import { cutPage } from "../output/page.ts";
import { Screen, type ScreenView } from "../output/screen.ts";
import type { WaitOptions } from "./waiters.ts";

/** A part of the output. */
export interface Page {
  text: string;
  /** Where the next one begins. */
  cursor: number;
  /** Bytes of output in all, so far. */
  total: number;
}

export interface PageOptions extends WaitOptions {
  /** Bytes. */
  limit: number;
  /** `end`: until the command has ended; `output`: until there is something new. */
  until: "end" | "output";
}

export class CommandOutput {
  /** Set by whoever starts or adopts the command, at once. */
  link!: Link;
  readonly #mask: () => Mask;
  readonly #isTerminal: boolean;
  readonly #screen: Screen | undefined;
  #total = 0;

  constructor({ terminal }: CommandRecord, mask: () => Mask) {
    this.#mask = mask;
    this.#isTerminal = terminal !== undefined;
    this.#screen = terminal && new Screen(terminal);
  }

  /** What is not told. */
  get mask(): Mask {
    return this.#mask();
  }

  /** Bytes in all, as far as is known. */
  get total(): number {
    return this.#total;
  }

  /** There are so many bytes at least. */
  grow(total: number): void {
    this.#total = Math.max(this.#total, total);
  }

  /** Bytes in all, asked anew. @throws PodexecError COMMAND_UNKNOWN where the sandbox has forgotten it, SANDBOX_GONE */
  async length(): Promise<number> {
    this.grow(await readTotal(this.link));
    return this.#total;
  }

  /**
   * A part as text.
   *
   * @param limit bytes at most
   * @param isFinal nothing will follow the last byte there is
   * @throws PodexecError INVALID_PARAMS where there is less than that, else as `length`
   */
  async page(from: number, { limit, isFinal }: { limit: number; isFinal: boolean }): Promise<Page> {
    const mask = this.#mask();
    const begin = Math.max(0, from - mask.longest);
    const piece = await readPiece(this.link, begin, from - begin + limit + mask.longest);
    this.grow(piece.total);
    if (from > piece.total) throw beyondEnd(from, piece.total);
    const gap = piece.at > from ? `[... ${piece.at - from} bytes were not kept ...]\n` : "";
    const isEnd = isFinal && piece.at + piece.bytes.length === piece.total;
    const options = { from: Math.max(from, piece.at), limit, mask, isTerminal: this.#isTerminal };
    const { text, next } = cutPage({ bytes: piece.bytes, at: piece.at, isEnd }, options);
    return { text: gap + text, cursor: Math.max(from, next), total: piece.total };
  }

  /** A part as it was written, not masked. @throws PodexecError as `length` */
  raw(from: number, most: number): Promise<Piece> {
    return readPiece(this.link, from, most);
  }

  /** Head and tail. @param limit bytes of both together @throws PodexecError as `length` */
  async headAndTail(total: number, limit: number): Promise<OutputCollector> {
    const collector = new OutputCollector(limit);
    const half = Math.ceil(limit / 2);
    const isWhole = total <= limit;
    const head = await readPiece(this.link, 0, isWhole ? total : half);
    collector.push(head.at, head.bytes);
    if (isWhole) return collector;
    const tail = await readPiece(this.link, total - (limit - half), limit - half);
    collector.push(tail.at, tail.bytes.subarray(0, Math.max(0, total - tail.at)));
    return collector;
  }

  /** Head and tail as text. */
  render(collector: OutputCollector, total: number, options: RenderOptions): ReturnType<OutputCollector["render"]> {
    const rendered = collector.render(total, { ...options, mask: this.#mask() });
    return this.#isTerminal ? { ...rendered, text: plainText(rendered.text) } : rendered;
  }

  /** What its terminal shows; undefined where it has none. @throws PodexecError as `length` */
  async screen(): Promise<ScreenView | undefined> {
    if (!this.#screen) return undefined;
    await this.#screen.update(async (most) => {
      const total = await readTotal(this.link);
      const from = Math.max(this.#screen?.fed ?? 0, total - most);
      return readPiece(this.link, from, total - from);
    });
    return this.#screen.view(this.#mask());
  }

  resize(size: { rows: number; columns: number }): void {
    this.#screen?.resize(size);
  }

  /** Holds as little as can be from now on: everything can be read again. */
  letGo(): void {
    this.#screen?.dispose();
  }
}

function beyondEnd(cursor: number, total: number): PodexecError {
  return new PodexecError(
    "INVALID_PARAMS",
    `cursor: ${cursor} lies beyond the output, which has ${total} bytes so far`,
    {
      hint: "Give the `cursor` of this command's last result, or leave it out to begin with its first byte.",
    },
  );
}
