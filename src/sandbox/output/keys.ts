/** Keys by their names, as a terminal of type xterm sends them. */

/** Keys whose code changes with the application cursor mode: the letter after `ESC [` or `ESC O`. */
const CURSOR: Record<string, string> = { up: "A", down: "B", right: "C", left: "D", end: "F", home: "H" };

/** Keys with a number: `ESC [ n ~`. */
const NUMBERED: Record<string, number> = {
  insert: 2,
  delete: 3,
  "page-up": 5,
  "page-down": 6,
  f5: 15,
  f6: 17,
  f7: 18,
  f8: 19,
  f9: 20,
  f10: 21,
  f11: 23,
  f12: 24,
};

const PLAIN: Record<string, string> = {
  enter: "\r",
  tab: "\t",
  "shift-tab": "\x1b[Z",
  escape: "\x1b",
  space: " ",
  backspace: "\x7f",
  f1: "\x1bOP",
  f2: "\x1bOQ",
  f3: "\x1bOR",
  f4: "\x1bOS",
};

const ALIASES: Record<string, string> = {
  return: "enter",
  esc: "escape",
  del: "delete",
  ins: "insert",
  pageup: "page-up",
  pagedown: "page-down",
  pgup: "page-up",
  pgdn: "page-down",
  "arrow-up": "up",
  "arrow-down": "down",
  "arrow-left": "left",
  "arrow-right": "right",
};

/** What xterm adds for modifiers: 1 and the sum of these. */
const SHIFT = 1;
const ALT = 2;
const CTRL = 4;
const MODIFIERS: Record<string, number> = { shift: SHIFT, alt: ALT, meta: ALT, ctrl: CTRL, control: CTRL };

/**
 * The bytes of a key.
 *
 * @param name such as `enter`, `up`, `f5`, `ctrl-c`, `alt-x`, `ctrl-right`, or one character
 * @param isApplication whether the program has switched the cursor keys to their application form
 * @returns undefined where there is no such key
 */
export function keyBytes(name: string, { isApplication = false } = {}): string | undefined {
  if (isCharacter(name)) return name;
  const { modifiers, rest } = splitModifiers(name);
  const lower = rest.toLowerCase();
  const key = isCharacter(rest) ? rest : (own(ALIASES, lower) ?? lower);
  if (modifiers === SHIFT && key === "tab") return PLAIN["shift-tab"];
  const plain = own(PLAIN, key) ?? (isCharacter(key) ? key : undefined);
  return special(key, modifiers, isApplication) ?? withModifiers(plain, modifiers);
}

/** `ctrl-alt-x` and `ctrl+alt+x`; a name without its modifiers may hold dashes: `page-up`. */
function splitModifiers(name: string): { modifiers: number; rest: string } {
  let rest = name;
  let modifiers = 0;
  for (;;) {
    const word = /^([a-z]+)[-+](?=.)/i.exec(rest);
    const modifier = word?.[1] && own(MODIFIERS, word[1].toLowerCase());
    if (!word || !modifier) return { modifiers, rest };
    modifiers |= modifier;
    rest = rest.slice(word[0].length);
  }
}

function special(key: string, modifiers: number, isApplication: boolean): string | undefined {
  const letter = own(CURSOR, key);
  const number = own(NUMBERED, key);
  if (letter !== undefined) {
    if (modifiers > 0) return `\x1b[1;${modifiers + 1}${letter}`;
    return `${isApplication ? "\x1bO" : "\x1b["}${letter}`;
  }
  if (number === undefined) return undefined;
  return modifiers > 0 ? `\x1b[${number};${modifiers + 1}~` : `\x1b[${number}~`;
}

/** Names come from callers: `constructor` is none. */
function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function isCharacter(key: string): boolean {
  return key.length > 0 && key.length <= 2 && String.fromCodePoint(key.codePointAt(0) ?? 0) === key;
}

function withModifiers(plain: string | undefined, modifiers: number): string | undefined {
  if (plain === undefined) return undefined;
  let bytes = plain;
  if (modifiers & SHIFT) bytes = bytes.length === 1 ? bytes.toUpperCase() : bytes;
  if (modifiers & CTRL) {
    const control = controlOf(bytes);
    if (control === undefined) return undefined;
    bytes = control;
  }
  return modifiers & ALT ? `\x1b${bytes}` : bytes;
}

/** Ctrl takes the lower five bits of `@` to `_`; of `?` it makes DEL, of a space NUL. */
function controlOf(character: string): string | undefined {
  if (character === "?") return "\x7f";
  if (character === " ") return "\0";
  if (character === "\r" || character === "\x7f" || character === "\x1b") return character;
  const code = character.toUpperCase().charCodeAt(0);
  return code >= 0x40 && code <= 0x5f ? String.fromCharCode(code & 0x1f) : undefined;
}
