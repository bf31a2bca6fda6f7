/** A program on a terminal, with keys pressed as a person does. */
import { plainEnvironment } from "./run.ts";

export interface Terminal {
  /** Types keys as they are; `\t` is Tab, `\r` is Enter. */
  type(keys: string): void;
  /** The screen's text, without escape sequences, as soon as the pattern is in what came after the last call. */
  shows(pattern: RegExp, timeoutMs?: number): Promise<string>;
  close(): Promise<void>;
  /** Takes the terminal away, as closing its window does, and waits for the program's end. */
  hangUp(): Promise<void>;
  resize(columns: number, rows: number): void;
}

/** Starts a program on a terminal of 200 columns. */
export function openTerminal(argv: readonly string[], env: Record<string, string> = {}): Terminal {
  const decoder = new TextDecoder();
  let seen = "";
  const child = Bun.spawn([...argv], {
    env: { ...plainEnvironment(), TERM: "xterm", ...env },
    terminal: {
      cols: 200,
      rows: 50,
      data: (_terminal, bytes) => {
        seen += decoder.decode(bytes, { stream: true });
      },
    },
  });
  return {
    type: (keys) => void child.terminal?.write(keys),
    async shows(pattern, timeoutMs = 10_000) {
      const end = performance.now() + timeoutMs;
      while (!pattern.test(Bun.stripANSI(seen))) {
        if (performance.now() > end) throw new Error(`${pattern} does not show in:\n${Bun.stripANSI(seen)}`);
        await Bun.sleep(20);
      }
      const text = Bun.stripANSI(seen);
      seen = "";
      return text;
    },
    resize: (columns, rows) => child.terminal?.resize(columns, rows),
    async hangUp() {
      child.terminal?.close();
      child.kill("SIGHUP");
      await child.exited;
    },
    async close() {
      child.kill("SIGKILL");
      await child.exited;
      child.terminal?.close();
    },
  };
}
