/** Entries of folders as a tree for a reader. */
import type { ListEntry, Listing } from "../sandbox/files/list.ts";

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"] as const;
const UNIT = 1024;

/** One line an entry, indented below its folder; what is left out is said where it is. */
export function treeText(listing: Listing): string {
  const below = childrenOf(listing.entries);
  const lines = [quoted(listing.path)];
  const tell = (folder: string, indent: string): void => {
    for (const { name, path, entry } of below.get(folder) ?? []) {
      lines.push(`${indent}${entry ? labelOf(name, entry) : `${quoted(name)}/`}${whyNot(listing, path)}`);
      tell(path, `${indent}  `);
    }
    const omitted = listing.omitted.get(folder);
    if (omitted) lines.push(`${indent}... ${omitted} more`);
  };
  tell("", "  ");
  return lines.join("\n");
}

/** What breaks the line, steers a terminal, turns the direction of writing or cannot be told from what stands around. */
const MISLEADING = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const ALL_MISLEADING = new RegExp(MISLEADING.source, "gu");

/** A name as it is, or as JSON has it where it would mislead a reader. */
export function quoted(name: string): string {
  if (!MISLEADING.test(name) && !/^[\s"]|\s$/.test(name)) return name;
  const escape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(name).replace(ALL_MISLEADING, escape);
}

interface Child {
  name: string;
  path: string;
  /** Undefined: a folder that is only on the way to what was found. */
  entry: ListEntry | undefined;
}

function childrenOf(entries: readonly ListEntry[]): Map<string, Child[]> {
  const below = new Map<string, Child[]>();
  const known = new Set<string>();
  const add = (path: string, entry: ListEntry | undefined): void => {
    if (known.has(path)) return;
    known.add(path);
    const slash = path.lastIndexOf("/");
    const folder = path.slice(0, Math.max(slash, 0));
    if (folder !== "") add(folder, undefined);
    const siblings = below.get(folder) ?? [];
    siblings.push({ name: path.slice(slash + 1), path, entry });
    below.set(folder, siblings);
  };
  for (const entry of entries) add(entry.path, entry);
  return below;
}

function labelOf(name: string, { kind, size, target }: ListEntry): string {
  if (kind === "folder") return `${quoted(name)}/`;
  if (kind === "file") return `${quoted(name)}  ${sizeText(size)}`;
  if (kind === "link") return `${quoted(name)} -> ${quoted(target ?? "?")}`;
  return `${quoted(name)}  (${kind})`;
}

function whyNot({ unreadable, omitted }: Listing, path: string): string {
  const why = unreadable.get(path);
  if (why) return `  (cannot be read: ${why})`;
  return omitted.get(path) === 0 ? "  ..." : "";
}

function sizeText(bytes: number): string {
  const power = Math.min(Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(UNIT)), UNITS.length - 1);
  const value = bytes / UNIT ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power] ?? "B"}`;
}
