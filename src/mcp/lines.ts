/** JSON-RPC over a pair of streams, one message a line: MCP, Transports, stdio. */
import type { Readable, Writable } from "node:stream";

/** A line without an end is refused before it fills the memory. */
const MAX_LINE = 10 * 1024 * 1024;
const NEWLINE = 0x0a;

export interface LineHandlers {
  /** A line with something on it, without its end. */
  onLine(line: string): void;
  /** Called once: nothing can be read or written any more. */
  onEnd(reason: string): void;
}

export class Lines {
  readonly #input: Readable;
  readonly #output: Writable;
  #handlers: LineHandlers | undefined;
  #pieces: Buffer[] = [];
  #waiting = 0;
  #isOver = false;

  constructor({ input, output }: { input: Readable; output: Writable }) {
    this.#input = input;
    this.#output = output;
  }

  /** Reads from now on. */
  start(handlers: LineHandlers): void {
    this.#handlers = handlers;
    this.#input.on("data", this.#take);
    this.#input.once("end", () => this.end("the end of input"));
    this.#input.once("close", () => this.end("the end of input"));
    this.#input.on("error", (error) => this.end(error.message));
    // Nobody reads any more: EPIPE would end the process.
    this.#output.on("error", (error) => this.end(error.message));
  }

  /** Writes a message. Resolves when there is room for the next, or when all is over. */
  async write(message: unknown): Promise<void> {
    if (this.#isOver || this.#output.write(`${JSON.stringify(message)}\n`)) return;
    await new Promise<void>((resolve) => {
      const events = ["drain", "close", "error"] as const;
      const done = () => {
        for (const event of events) this.#output.off(event, done);
        resolve();
      };
      for (const event of events) this.#output.once(event, done);
    });
  }

  end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#pieces = [];
    this.#input.off("data", this.#take);
    this.#input.pause();
    this.#handlers?.onEnd(reason);
  }

  readonly #take = (chunk: Buffer): void => {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0 && !this.#isOver; at = chunk.indexOf(NEWLINE, from)) {
      this.#pieces.push(chunk.subarray(from, at));
      const line = Buffer.concat(this.#pieces).toString("utf8").trim();
      this.#pieces = [];
      this.#waiting = 0;
      from = at + 1;
      if (line !== "") this.#handlers?.onLine(line);
    }
    if (this.#isOver || from === chunk.length) return;
    this.#pieces.push(chunk.subarray(from));
    this.#waiting += chunk.length - from;
    if (this.#waiting > MAX_LINE) this.end(`a line has more than ${MAX_LINE} bytes`);
  };
}
