/** What is being done and for how long: one live line on a terminal, now and then a plain line elsewhere. */
import { stripVTControlCharacters } from "node:util";

/** Where progress is written: stderr. */
export interface ProgressOutput {
  write(text: string): Promise<void>;
  isTerminal: boolean;
  /** How wide the terminal is now; default 80. */
  readonly columns?: number | undefined;
}

export interface Progress {
  /** Begins a step; its elapsed time counts from here. */
  step(text: string): void;
  /** A line that the step's program wrote. */
  line(text: string): void;
  /** Says something that stays. */
  note(text: string): void;
  end(): void;
}

const TICK_MS = 200;
const PLAIN_INTERVAL_MS = 10_000;
const CLEAR = "\r\u001B[K";
const COLUMNS = 80;

/**
 * @param output where to write; a terminal gets a line that is redrawn
 * @param plainIntervalMs milliseconds between lines elsewhere, default 10,000
 */
export function createProgress(output: ProgressOutput, plainIntervalMs = PLAIN_INTERVAL_MS): Progress {
  let step = "";
  let last = "";
  let since = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const write = (text: string) => void output.write(text).catch(() => {});
  const status = () => [`${step} (${Math.round((Date.now() - since) / 1000)} s)`, last].filter(Boolean).join(": ");
  const draw = () => write(output.isTerminal ? `${CLEAR}${cut(status(), output.columns ?? COLUMNS)}` : `${status()}\n`);
  return {
    step(text) {
      [step, last, since] = [text, "", Date.now()];
      if (output.isTerminal) draw();
      else write(`${text}\n`);
      clearInterval(timer);
      timer = setInterval(draw, output.isTerminal ? TICK_MS : plainIntervalMs);
    },
    line(text) {
      last = stripVTControlCharacters(text).trim();
    },
    note(text) {
      write(output.isTerminal ? `${CLEAR}${text}\n` : `${text}\n`);
    },
    end() {
      clearInterval(timer);
      if (output.isTerminal) write(CLEAR);
    },
  };
}

/** A line that fills the last column would wrap, and no more be redrawn. */
function cut(text: string, columns: number): string {
  const width = Math.max(1, columns - 1);
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
