/** What is below a folder of a sandbox. */
import { PodexecError } from "../../errors.ts";
import type { Asked } from "./link.ts";
import { refusalOf } from "./search-errors.ts";
import {
  decodeInfo,
  FilesType,
  type Fields,
  type FileInfo,
  pathText,
  type RequestField,
  type SandboxPath,
} from "./wire.ts";
import { ProtocolError } from "../agent/frames-wire.ts";

/** Whatever asks a worker for files. */
export interface Asks {
  ask(asked: Asked, doing: string, path: SandboxPath): Promise<Fields>;
}

/** Which part of a tree is meant. */
export interface Choice {
  /** Names that begin with a dot too. Default false. */
  hidden?: boolean;
  /** Leave out what .gitignore and .ignore files say, and `.git`. Default true. */
  ignore?: boolean;
  /** As ripgrep's --glob: plain ones choose files, those with `!` in front leave out. */
  globs?: readonly string[];
  /** Milliseconds after which what was found so far is the answer. Default 10,000. */
  timeMs?: number;
  signal?: AbortSignal;
}

export interface ListOptions extends Choice {
  /** Levels below the folder. Default 1: its own entries. */
  depth?: number;
  /** Entries at most, the upper levels first. Default 1,000. */
  limit?: number;
}

/** One entry below the folder that was asked for. */
export interface ListEntry extends Omit<FileInfo, "path" | "head" | "version" | "device" | "inode"> {
  /** Relative to the folder; bytes that are no UTF-8 are replaced. */
  readonly path: string;
}

/** Why not everything is there: a limit, the time, or the tree's sheer size. */
export type Cut = "limit" | "time" | "size";

export interface Listing {
  /** Of the folder, absolute and without links; of the folder it is in where a file was asked for. */
  path: string;
  /** What was asked for. */
  kind: FileInfo["kind"];
  /** Each folder's in the order of names, upper levels first. */
  entries: ListEntry[];
  cut?: Cut;
  /** Folders of which entries are left out: how many, 0 where nobody counted. "" is the folder itself. */
  omitted: Map<string, number>;
  /** Folders that cannot be read, and why: `EACCES`. */
  unreadable: Map<string, string>;
}

const CUTS = [undefined, "limit", "time", "size"] as const;
const MOST_ENTRIES = 100_000;
/** Beside entries, folders are told about. */
const MOST_ITEMS = 2 * MOST_ENTRIES;
/** Characters that are held of all paths, and what an entry takes besides. */
const MOST_HELD = 16 * 1024 * 1024;
const ENTRY_SIZE = 200;
const DEFAULT_TIME_MS = 10_000;
/** What the worker may take beyond its own limit before it is given up; and until it is free. */
const SPARE_MS = 5_000;
const TURN_MS = 30_000;

/**
 * Lists what is below a folder. Links are not followed.
 *
 * @throws PodexecError FILE_NOT_FOUND, FILE_ERROR, CANCELLED, SANDBOX_GONE, SANDBOX_BUSY, AGENT_PROTOCOL
 */
export async function listFiles(files: Asks, path: SandboxPath, options: ListOptions = {}): Promise<Listing> {
  const { depth = 1, limit = 1_000 } = options;
  const found = new Entries(limit);
  const asked: Asked = {
    type: FilesType.LIST,
    fields: [...choiceFields(path, options), wide(20, Math.min(limit, MOST_ENTRIES)), wide(21, depth)],
    isSafe: true,
    onInfo: (info) => found.begin(info),
    onItem: (item) => found.take(item),
  };
  try {
    found.end(await askInTime(files, asked, { doing: "list", path, ...options }));
  } catch (error) {
    if (error !== found.enough) throw error;
  }
  return found.listing;
}

/** Collects what a worker tells of a tree. */
class Entries {
  readonly listing: Listing = { path: "", kind: "other", entries: [], omitted: new Map(), unreadable: new Map() };
  /** Thrown by `take` when no more can be held. */
  readonly enough = new Error("enough was found");
  readonly #limit: number;
  #items = 0;
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  begin(info: Fields): void {
    const { kind, path = "" } = decodeInfo(info);
    this.listing.kind = kind;
    this.listing.path = path.replace(/(.)\/$/, "$1");
  }

  take(item: Fields): void {
    if (++this.#items > MOST_ITEMS) throw new ProtocolError("more entries than were asked for");
    const { entries, omitted, unreadable } = this.listing;
    const path = item.text(16);
    this.#hold(path);
    if (item.has(17)) return void unreadable.set(path.replace(/\/$/, ""), item.text(17).slice(0, 40));
    if (item.has(18)) return void omitted.set(path.replace(/\/$/, ""), item.number(18));
    if (entries.length >= this.#limit) throw new ProtocolError("more entries than were asked for");
    const { kind, size, mode, uid, gid, modifiedMs, target } = decodeInfo(item);
    this.#hold(target ?? "");
    entries.push({ path, kind, size, mode, uid, gid, modifiedMs, ...(target === undefined ? {} : { target }) });
  }

  end(done: Fields): void {
    const cut = cutOf(done);
    if (cut) this.listing.cut = cut;
  }

  #hold(text: string): void {
    this.#held += ENTRY_SIZE + text.length;
    if (this.#held <= MOST_HELD) return;
    this.listing.cut = "size";
    throw this.enough;
  }
}

/** The fields of LIST and SEARCH that name the part of a tree. */
export function choiceFields(path: SandboxPath, choice: Choice): RequestField[] {
  const { hidden = false, ignore = true, globs = [], timeMs = DEFAULT_TIME_MS } = choice;
  return [[1, path], [16, hidden], [17, ignore], ...globs.map((glob) => [18, glob] as const), wide(19, timeMs)];
}

/** Asks, and waits no longer than the worker's own limit allows for. @throws PodexecError as `listFiles` */
export async function askInTime(
  files: Asks,
  asked: Asked,
  { doing, path, ...choice }: Choice & { doing: string; path: SandboxPath },
): Promise<Fields> {
  const silenceMs = (choice.timeMs ?? DEFAULT_TIME_MS) + SPARE_MS;
  const limit = AbortSignal.timeout(silenceMs + TURN_MS);
  const signal = choice.signal ? AbortSignal.any([choice.signal, limit]) : limit;
  try {
    return await files.ask({ ...asked, signal, silenceMs }, doing, path);
  } catch (error) {
    if (!limit.aborted || choice.signal?.aborted) throw refusalOf(error);
    const where = pathText(path);
    throw new PodexecError("FILE_ERROR", `cannot ${doing} ${where}: the sandbox did not come to an end in time`);
  }
}

/** DONE's second field. */
export function cutOf(done: Fields): Cut | undefined {
  return CUTS[done.number(2)];
}

/** A number as a request's field. */
export function wide(tag: number, value: number): RequestField {
  return [tag, BigInt(value)];
}
