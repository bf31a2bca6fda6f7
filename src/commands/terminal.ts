/** The terminal of the person who called: its size, its raw mode, and keys that mean something to podexec. */
import { isatty } from "node:tty";
import type { TerminalSize } from "../sandbox/agent/frames-requests.ts";

const DEFAULT_SIZE: TerminalSize = { rows: 24, columns: 80 };
const CTRL_P = 0x10;
const CTRL_Q = 0x11;

/** Rows and columns now; 24 and 80 where there is no terminal or it does not know. */
export function terminalSize(): TerminalSize {
  if (!isatty(1)) return DEFAULT_SIZE;
  const [columns, rows] = process.stdout.getWindowSize();
  return rows > 0 && columns > 0 ? { rows, columns } : DEFAULT_SIZE;
}

/**
 * Gives every key to the program: nothing is echoed, edited or turned into a signal here. The terminal is as before
 * when the process ends, whatever ends it, but for SIGKILL.
 *
 * @param onResize hears of another size
 * @returns what gives the terminal back
 */
export function takeTerminal(onResize: (size: TerminalSize) => void): () => void {
  const { stdin } = process;
  const resized = () => onResize(terminalSize());
  const restore = () => void stdin.setRawMode(false);
  stdin.setRawMode(true);
  process.on("exit", restore);
  process.on("SIGWINCH", resized);
  return () => {
    process.off("SIGWINCH", resized);
    process.off("exit", restore);
    restore();
  };
}

/** Finds Ctrl-P Ctrl-Q among the keys. */
export class DetachKeys {
  #held = false;

  /**
   * @returns what is meant for the program; a Ctrl-P waits for the key behind it, which decides. `detach`: the keys
   * that follow are nobody's
   */
  push(bytes: Uint8Array): { bytes: Uint8Array; detach: boolean } {
    const passed: number[] = [];
    for (const byte of bytes) {
      if (this.#held && byte === CTRL_Q) return { bytes: Uint8Array.from(passed), detach: true };
      if (this.#held) passed.push(CTRL_P);
      this.#held = byte === CTRL_P;
      if (!this.#held) passed.push(byte);
    }
    return { bytes: Uint8Array.from(passed), detach: false };
  }

  /** What is held back, when nothing follows it for long. */
  flush(): Uint8Array {
    const held = this.#held;
    this.#held = false;
    return held ? Uint8Array.of(CTRL_P) : new Uint8Array(0);
  }
}
