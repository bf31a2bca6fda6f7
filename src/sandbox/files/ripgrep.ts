/** What ripgrep prints with --json; it is a program of the sandbox, so nothing it says is believed. */
import { z } from "zod";
import type { PodexecError } from "../../errors.ts";
import type { Fields } from "./wire.ts";
import { badGlob, badPattern } from "./search-errors.ts";
import type { Found } from "./found.ts";
import { concat } from "../agent/frames-wire.ts";

const text = z.union([
  z.object({ text: z.string() }).transform(({ text }) => Buffer.from(text)),
  z.object({ bytes: z.base64() }).transform(({ bytes }) => Buffer.from(bytes, "base64")),
]);
const span = z.object({ start: z.int().min(0), end: z.int().min(0) });
const lines = z.object({
  path: text,
  lines: text,
  line_number: z.int().min(0).nullable(),
  submatches: z.array(span).max(1_000_000),
});
const message = z.discriminatedUnion("type", [
  z.object({ type: z.literal("begin"), data: z.object({}) }),
  z.object({ type: z.literal("match"), data: lines }),
  z.object({ type: z.literal("context"), data: lines }),
  z.object({ type: z.literal("end"), data: z.object({ binary_offset: z.int().nullable() }) }),
  z.object({ type: z.literal("summary"), data: z.object({}) }),
]);

/** A message holds a whole line of a file, and a file may be one line. */
const MOST_MESSAGE = 16 * 1024 * 1024;
/** A file with a NUL among so many first bytes is no text: the same for both engines. */
const BINARY_HEAD = 8_192;
const MOST_MATCHED = 32;
const NEWLINE = 10;

/** What is called `rg` in the sandbox cannot do the work. */
export class NotRipgrep extends Error {
  override readonly name = "NotRipgrep";
}

/** Cuts the stream into messages and hands their lines on. */
export class RipgrepReader {
  readonly #found: Found;
  #parts: Uint8Array[] = [];
  #held = 0;
  #isSkipping = false;
  #ofFile = 0;

  constructor(found: Found) {
    this.#found = found;
  }

  /** @throws NotRipgrep, and what `Found.add` throws */
  push(bytes: Uint8Array): void {
    this.#found.engine = "ripgrep";
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      this.#hold(bytes.subarray(from, at));
      this.#take();
      from = at + 1;
    }
    if (from < bytes.length) this.#hold(bytes.slice(from));
  }

  /** How it ended. @throws PodexecError INVALID_PARAMS for a pattern or glob that is none, NotRipgrep */
  end(done: Fields, pattern: string): void {
    this.#found.engine = "ripgrep";
    // 0 found something, 1 nothing; 2 with messages about files that cannot be read is no failure.
    const complaint = done.text(17).trim();
    const status = done.number(16);
    if (status > 2 && done.number(2) === 0) throw new NotRipgrep(`its exit status is ${status}`);
    if (status < 2 || done.number(2) > 0 || this.#found.matches > 0) return;
    const why = reasonOf(complaint, pattern);
    if (why) throw why;
  }

  #hold(bytes: Uint8Array): void {
    if (this.#held + bytes.length > MOST_MESSAGE) this.#isSkipping = true;
    if (this.#isSkipping) return void (this.#parts = []);
    this.#parts.push(bytes);
    this.#held += bytes.length;
  }

  #take(): void {
    const whole = this.#isSkipping ? undefined : concat(this.#parts, this.#held);
    this.#parts = [];
    this.#held = 0;
    this.#isSkipping = false;
    if (whole) this.#tell(parse(whole));
  }

  #tell(told: z.infer<typeof message>): void {
    if (told.type === "begin") this.#ofFile = 0;
    const binary = told.type === "end" ? told.data.binary_offset : null;
    if (binary !== null && binary < BINARY_HEAD) this.#found.drop(this.#ofFile);
    if (told.type !== "match" && told.type !== "context") return;
    const { path, lines, line_number, submatches } = told.data;
    const bytes = lines.at(-1) === NEWLINE ? lines.subarray(0, -1) : lines;
    const spans = submatches.slice(0, MOST_MATCHED).map(({ start, end }) => [start, end] as const);
    this.#found.add({
      path: path.toString().replace(/^\.\//, ""),
      line: line_number ?? 0,
      bytes,
      skipped: 0,
      length: bytes.length,
      spans: told.type === "match" && spans.length === 0 ? [[0, 0]] : spans,
    });
    this.#ofFile++;
  }
}

function parse(bytes: Uint8Array): z.infer<typeof message> {
  try {
    return message.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new NotRipgrep("it printed what is none of its messages", { cause });
  }
}

/** ripgrep's complaint: a drawing with a caret under what is wrong, then a line that says why. */
function reasonOf(complaint: string, pattern: string): PodexecError | undefined {
  const why = /^error: (.*)$/m.exec(complaint)?.[1];
  if (why) return badPattern(`${why.slice(0, 500)}${placeOf(complaint, pattern)}`);
  if (/^regex parse error|compiled regex exceeds/m.test(complaint)) return badPattern(complaint.slice(0, 500));
  const glob = /error parsing glob.*/.exec(complaint)?.[0];
  return glob === undefined ? undefined : badGlob(glob.slice(0, 500));
}

/** ripgrep draws the pattern indented, and with a group of its own around it. */
function placeOf(complaint: string, pattern: string): string {
  const [, drawn = "", space = ""] = /^(.*)\n( *)\^/m.exec(complaint) ?? [];
  const at = drawn.includes(pattern) ? space.length - drawn.indexOf(pattern) : -1;
  return at >= 0 && at <= pattern.length ? ` (character ${at + 1})` : "";
}
