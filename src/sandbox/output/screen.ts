/** What a terminal shows after what a program wrote to it. */
import type { Terminal } from "@xterm/headless";
import type { TerminalSize } from "../agent/frames-requests.ts";
import type { Mask } from "./mask.ts";

export interface ScreenView {
  /** As many as the terminal has, without blanks at their ends. */
  rows: string[];
  /** From 0. */
  cursor: { row: number; column: number };
  /** A full-screen program has switched to the alternate buffer. */
  isAlternate: boolean;
  /** Arrow keys are to be sent in their application form. */
  hasApplicationCursor: boolean;
}

/** Behind by more than this, only the last of it is looked at: programs repaint what they show. */
const MAX_BEHIND = 131_072;
/** A program can write what takes long to draw; it is given up then, and its screen is what was drawn so far. */
const BUDGET_MS = 1_000;
const SLICE = 4_096;

/** Sequences that do something so many times: insert, delete, scroll, erase, tabulate, repeat (ECMA-48, DEC). */
const COUNTED = [
  ...["@", "I", "L", "M", "P", "S", "T", "X", "Z", "^", "b"].map((final) => ({ final })),
  ...["@", "A"].map((final) => ({ intermediates: " ", final })),
  ...["}", "~"].map((final) => ({ intermediates: "'", final })),
];

export class Screen {
  #size: TerminalSize;
  #terminal: Terminal | undefined;
  /** Offset in the output of what has been fed. */
  #fed = 0;
  #updating: Promise<void> = Promise.resolve();

  constructor(size: TerminalSize) {
    this.#size = size;
  }

  /** The offset up to which the output has been seen. */
  get fed(): number {
    return this.#fed;
  }

  resize(size: TerminalSize): void {
    this.#size = size;
    this.#terminal?.resize(size.columns, size.rows);
  }

  /** Takes what was written since. @param read brings it, and at most its argument of bytes of that */
  update(read: (most: number) => Promise<{ at: number; bytes: Uint8Array }>): Promise<void> {
    const updated = this.#updating.then(() => this.#follow(read));
    this.#updating = updated.catch(() => {});
    return updated;
  }

  async view(mask: Mask): Promise<ScreenView> {
    const terminal = (this.#terminal ??= await openTerminal(this.#size));
    const { active } = terminal.buffer;
    const lines = Array.from({ length: terminal.rows }, (_, row) => active.getLine(active.baseY + row));
    const rows = lines.map((line) => line?.translateToString(false) ?? "");
    const shown = mask.isEmpty ? rows : maskRows(rows, mask);
    return {
      rows: shown.map((row) => row.trimEnd()),
      cursor: { row: active.cursorY, column: active.cursorX },
      isAlternate: active.type === "alternate",
      hasApplicationCursor: terminal.modes.applicationCursorKeysMode,
    };
  }

  /** Frees what the drawing takes; it is drawn anew when somebody looks again. */
  dispose(): void {
    this.#terminal?.dispose();
    this.#terminal = undefined;
    this.#fed = 0;
  }

  async #follow(read: (most: number) => Promise<{ at: number; bytes: Uint8Array }>): Promise<void> {
    const { at, bytes } = await read(MAX_BEHIND);
    await this.#feed(at, bytes);
  }

  async #feed(at: number, bytes: Uint8Array): Promise<void> {
    if (at > this.#fed) this.dispose();
    const terminal = (this.#terminal ??= await openTerminal(this.#size));
    const until = performance.now() + BUDGET_MS;
    const fresh = bytes.subarray(Math.max(0, this.#fed - at));
    for (let from = 0; from < fresh.length && performance.now() < until; from += SLICE) {
      await new Promise<void>((resolve) => terminal.write(fresh.subarray(from, from + SLICE), resolve));
    }
    this.#fed = at + bytes.length;
  }
}

/** Deno finds what a CommonJS module exports under `default` only. */
type Loaded = Xterm & { default: Xterm };
interface Xterm {
  Terminal: typeof Terminal;
}

async function openTerminal({ rows, columns }: TerminalSize): Promise<Terminal> {
  const loaded: Loaded = await import("@xterm/headless");
  const { Terminal } = loaded.Terminal ? loaded : loaded.default;
  const terminal = new Terminal({ rows, cols: columns, scrollback: 0, allowProposedApi: true });
  // A count may be up to 2^31, and each is done one by one: what goes far beyond the screen is left out.
  const most = 2 * (rows + columns);
  for (const id of COUNTED) {
    terminal.parser.registerCsiHandler(id, ([count]) => typeof count === "number" && count > most);
  }
  // Titles, links, clipboards: nothing of that is on the screen, and some of it is kept for ever.
  for (const code of [0, 1, 2, 8, 52]) terminal.parser.registerOscHandler(code, () => true);
  return terminal;
}

/** A secret may go over the end of a row: rows that are full are one text with the next. */
function maskRows(rows: readonly string[], mask: Mask): string[] {
  const masked: string[] = [];
  for (let from = 0; from < rows.length;) {
    let to = from + 1;
    while (to < rows.length && !rows[to - 1]?.endsWith(" ")) to++;
    const group = rows.slice(from, to);
    const text = mask.blank(group.join(""));
    let at = 0;
    for (const row of group) masked.push(text.slice(at, (at += row.length)));
    from = to;
  }
  return masked;
}
