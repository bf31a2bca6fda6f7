/** Exact replacements in a file's bytes: each has to match as often as it says. */
import { distance } from "fastest-levenshtein";
import { PodexecError } from "../../errors.ts";
import { shownPath } from "./errors.ts";

/** One replacement. */
export interface Edit {
  old: string;
  new: string;
  /** How often `old` has to occur, and is replaced. */
  count: number | "all";
}

/** Lines of a file that a text which does not occur is compared with. */
const COMPARED = 20_000;
const LONGEST = 300;
const SHOWN_LINES = 10;
const NEAREST = 3;

/**
 * Applies replacements one after the other.
 *
 * @param path for messages
 * @returns the new bytes and how many places were replaced
 * @throws PodexecError FILE_ERROR where one does not match as often as it says, with how often it does and where
 */
export function applyEdits(content: Buffer, edits: readonly Edit[], path: string): { bytes: Buffer; replaced: number } {
  let bytes = content;
  let replaced = 0;
  for (const [index, edit] of edits.entries()) {
    const places = placesOf(bytes, Buffer.from(edit.old));
    const isRight = edit.count === "all" ? places.length > 0 : places.length === edit.count;
    if (!isRight)
      throw mismatch(bytes, places, { edit, path, name: edits.length === 1 ? "old" : `edits.${index}.old` });
    bytes = replaceAt(bytes, places, edit);
    replaced += places.length;
  }
  return { bytes, replaced };
}

function placesOf(bytes: Buffer, old: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(old); at >= 0; at = bytes.indexOf(old, at + old.length)) places.push(at);
  return places;
}

function replaceAt(bytes: Buffer, places: readonly number[], edit: Edit): Buffer {
  const length = Buffer.byteLength(edit.old);
  const replacement = Buffer.from(edit.new);
  const parts: Buffer[] = [];
  let from = 0;
  for (const place of places) {
    parts.push(bytes.subarray(from, place), replacement);
    from = place + length;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}

interface Missed {
  edit: Edit;
  path: string;
  name: string;
}

function mismatch(bytes: Buffer, places: readonly number[], { edit, path, name }: Missed): PodexecError {
  const nothing = " Nothing was changed.";
  if (places.length === 0) {
    const details = nearest(bytes, edit.old);
    const hint = `${whyNot(bytes, edit.old)}${nothing}`;
    return new PodexecError("FILE_ERROR", `${name} does not occur in ${shownPath(path)}`, {
      hint,
      ...(details ? { details } : {}),
    });
  }
  const times = `${places.length} ${places.length === 1 ? "time" : "times"}`;
  const lines = linesOf(bytes, places);
  return new PodexecError("FILE_ERROR", `${name} occurs ${times} in ${shownPath(path)}, not ${edit.count}: ${lines}`, {
    hint: `Add neighbouring lines to make it unique, or say count: ${places.length} to replace them all.${nothing}`,
  });
}

function linesOf(bytes: Buffer, places: readonly number[]): string {
  let line = 1;
  let from = 0;
  const numbers = places.slice(0, SHOWN_LINES).map((place) => {
    for (let at = bytes.indexOf(10, from); at >= 0 && at < place; at = bytes.indexOf(10, at + 1)) line++;
    from = place;
    return line;
  });
  const more = places.length > numbers.length ? ` and ${places.length - numbers.length} more` : "";
  return `${numbers.length === 1 ? "line" : "lines"} ${numbers.join(", ")}${more}`;
}

/** The difference that is most often meant. */
function whyNot(bytes: Buffer, old: string): string {
  const text = bytes.toString();
  if (text.includes("\r\n") && text.replaceAll("\r\n", "\n").includes(old.replaceAll("\r\n", "\n")))
    return "The file's lines end with \\r\\n: write them so.";
  if (withoutSpace(text).includes(withoutSpace(old))) return "It differs in white space only: copy it from file_read.";
  return "Read the file again and copy the text exactly.";
}

function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, "");
}

/** The lines most like the first line of the text that was not found. */
function nearest(bytes: Buffer, old: string): string | undefined {
  const wanted = old
    .split("\n")
    .find((line) => line.trim() !== "")
    ?.trim()
    .slice(0, LONGEST);
  if (!wanted) return undefined;
  const lines = bytes.toString().split("\n").slice(0, COMPARED);
  const found = lines
    .map((line, index) => ({ line: line.slice(0, LONGEST), number: index + 1, away: apart(line.trim(), wanted) }))
    .filter(({ away }) => away <= wanted.length / 2)
    .toSorted((a, b) => a.away - b.away)
    .slice(0, NEAREST);
  if (found.length === 0) return undefined;
  return ["nearest lines:", ...found.map(({ line, number }) => `${number}: ${line}`)].join("\n");
}

function apart(line: string, wanted: string): number {
  if (Math.abs(line.length - wanted.length) > wanted.length / 2) return Infinity;
  return line === wanted ? 0 : distance(line.slice(0, LONGEST), wanted);
}
