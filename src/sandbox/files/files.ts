/** Files of one sandbox, through its agent. */
import type { Edit } from "./edits.ts";
import { Editor, type Edited } from "./edit.ts";
import { FileFailed, fileError } from "./errors.ts";
import type { Asked, OpenWorker } from "./link.ts";
import { listFiles, type Listing, type ListOptions } from "./list.ts";
import { FilesPool } from "./pool.ts";
import { Reading, told, type Content, type Control, type Written } from "./reading.ts";
import { searchFiles, type SearchOptions, type SearchResult } from "./search.ts";
import { readStream } from "./stream.ts";
import {
  decodeEntry,
  decodeInfo,
  FilesType,
  pathText,
  type Entry,
  type Fields,
  type FileInfo,
  type SandboxPath,
} from "./wire.ts";
import { ProtocolError } from "../agent/frames-wire.ts";

/** Which bytes of a file. */
export interface ByteRange {
  /** Default 0. */
  offset?: number;
  /** Default: to the end. */
  length?: number;
}

/** Which lines of a file. */
export interface LineRange {
  /** The first, from 1 on. */
  from: number;
  /** The last; default: the file's last. */
  to?: number;
  /** Bytes of them at most. */
  maxBytes: number;
}

/** What `readLines` answers. */
export interface Lines extends Content {
  /** Where `bytes` begin in the file. */
  offset: number;
  /** How many lines are there to their end, which a file's last line may lack. */
  complete: number;
  totalLines: number;
  /** As counted: more than `info.size` for a file of /proc. */
  totalBytes: number;
  /** False where a large file was not read to its end: the totals are those of the part that was. */
  isCounted: boolean;
  /** Whether `maxBytes` left something out. */
  isCut: boolean;
}

export interface WriteOptions extends Control {
  /** Permission bits. Default: those of the file that is replaced, else 0666 without the umask. */
  mode?: number;
  /** `replace` (default) takes an existing file's place at once; `create` refuses to; `append` writes at its end. */
  how?: "replace" | "append" | "create";
  /** Makes the folders above. Default false. */
  createFolders?: boolean;
  /** Refuses where the file is not the one any more that `FileInfo.version` was told for. */
  expected?: Uint8Array;
}

const HOW = { replace: 0n, append: 1n, create: 2n } as const;
/** What a worker may take without a word: to count a file's lines or take over what was written, and for a whole tree. */
const SCAN_MS = 120_000;
const TREE_MS = 600_000;
/** What is held of one file: a larger one is read by range or as a stream. */
const MOST_HELD = 256 * 1024 * 1024;
const MOST_ENTRIES = 1_000_000;

/**
 * The files of one sandbox. Relative paths begin where commands begin, `~` is HOME, links are followed.
 *
 * Every method throws PodexecError: FILE_NOT_FOUND, FILE_ERROR with the reason, CANCELLED, SANDBOX_GONE, SANDBOX_BUSY,
 * AGENT_PROTOCOL.
 */
export class Files {
  readonly #pool: FilesPool;
  readonly #editor = new Editor(this);

  constructor(open: OpenWorker) {
    this.#pool = new FilesPool(open);
  }

  /** Whether something is done with them now. */
  get isBusy(): boolean {
    return this.#pool.running > 0;
  }

  /** What a path is. @param control.isLinkItself a link is told about, not what it names; default false */
  async stat(path: SandboxPath, control: Control & { isLinkItself?: boolean } = {}): Promise<FileInfo> {
    const { isLinkItself = false, ...rest } = control;
    let info: FileInfo | undefined;
    const asked = {
      type: FilesType.STAT,
      fields: [pathField(path), [16, isLinkItself] as const],
      isSafe: true,
      ...rest,
    };
    await this.ask({ ...asked, onInfo: (fields) => (info = decodeInfo(fields)) }, "look at", path);
    return told(info);
  }

  /** A range of a file's bytes, in memory. */
  async read(path: SandboxPath, range: ByteRange & Control = {}): Promise<Content> {
    const { offset = 0, length = MOST_HELD } = range;
    const most = Math.min(length, MOST_HELD);
    const reading = new Reading(most);
    const fields = [pathField(path), wide(16, offset), wide(17, most)];
    await this.ask({ type: FilesType.READ, fields, isSafe: true, ...signalOf(range), ...reading.hears }, "read", path);
    return reading.content();
  }

  /** A range of a file's lines, and how many there are. */
  async readLines(path: SandboxPath, range: LineRange & Control): Promise<Lines> {
    const { from, to, maxBytes } = range;
    const reading = new Reading(maxBytes);
    const count = to === undefined ? undefined : wide(17, to - from + 1);
    const fields = [pathField(path), wide(16, from), count, wide(18, maxBytes)];
    const asked = {
      type: FilesType.READ_LINES,
      fields,
      silenceMs: SCAN_MS,
      isSafe: true,
      ...signalOf(range),
      ...reading.hears,
    };
    const done = await this.ask(asked, "read", path);
    return {
      ...reading.content(),
      offset: done.number(2),
      complete: done.number(3),
      totalLines: done.number(4),
      totalBytes: done.number(5),
      isCounted: done.number(6) === 1,
      isCut: done.number(7) === 1,
    };
  }

  /**
   * A range of a file's bytes, piece by piece: what is not taken is not sent.
   *
   * @returns what the file is, and its pieces; whoever leaves the loop early ends the reading
   */
  async readStream(path: SandboxPath, range: ByteRange & Control = {}) {
    const { offset = 0, length = Number.MAX_SAFE_INTEGER } = range;
    const most = Math.min(length, Number.MAX_SAFE_INTEGER - offset);
    const asked = {
      type: FilesType.READ,
      fields: [pathField(path), wide(16, offset), wide(17, most)],
      ...signalOf(range),
    };
    return readStream(this.#pool, asked, { path: pathText(path), most });
  }

  /** Writes a file: readers see the old or the new content, never a part, unless it is appended to. */
  async write(
    path: SandboxPath,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<Written> {
    const { mode, how = "replace", createFolders = false, expected } = options;
    const fields = [
      pathField(path),
      mode === undefined ? undefined : wide(16, mode),
      wide(17, Number(HOW[how])),
      [18, createFolders] as const,
      expected && ([19, expected] as const),
    ];
    const body = content instanceof Uint8Array ? [content] : content;
    const asked = { type: FilesType.WRITE, fields, body, silenceMs: SCAN_MS, ...signalOf(options) };
    const done = await this.ask(asked, "write", path);
    return { info: decodeInfo(done), isNew: done.number(16) === 1, bytes: done.number(17) };
  }

  /**
   * Replaces exact text. A change by somebody else meanwhile makes it start again: none is lost.
   *
   * @throws PodexecError FILE_ERROR also where an edit does not match as often as it says, or the file is larger than 8 MiB
   */
  edit(path: SandboxPath, edits: readonly Edit[], control: Control = {}): Promise<Edited> {
    return this.#editor.edit(path, edits, control);
  }

  /** Deletes; links are not followed. @returns how many files and folders went */
  async delete(path: SandboxPath, options: Control & { recursive?: boolean } = {}): Promise<number> {
    const fields = [pathField(path), [16, options.recursive ?? false] as const];
    const asked = { type: FilesType.DELETE, fields, silenceMs: TREE_MS, ...signalOf(options) };
    const done = await this.ask(asked, "delete", path);
    return done.number(1);
  }

  /** Moves a file or a folder to exactly that path. @param options.overwrite default false, createFolders default false */
  async move(
    from: SandboxPath,
    to: SandboxPath,
    options: Control & { overwrite?: boolean; createFolders?: boolean } = {},
  ): Promise<void> {
    const { overwrite = false, createFolders = false } = options;
    const fields = [pathField(from), [2, to] as const, [16, overwrite] as const, [17, createFolders] as const];
    await this.ask({ type: FilesType.MOVE, fields, silenceMs: TREE_MS, ...signalOf(options) }, "move", from);
  }

  /** Makes a folder, with those above it; one that is there already is no error. */
  async makeFolder(path: SandboxPath, options: Control & { mode?: number } = {}): Promise<void> {
    const fields = [pathField(path), wide(16, options.mode ?? 0o777), [17, true] as const];
    await this.ask({ type: FilesType.MKDIR, fields, ...signalOf(options) }, "make", path);
  }

  /** What is below a folder. */
  list(path: string, options: ListOptions = {}): Promise<Listing> {
    return listFiles(this, path, options);
  }

  /** Lines of files that match a pattern. */
  search(pattern: string, path: string, options: SearchOptions = {}): Promise<SearchResult> {
    return searchFiles(this, { pattern, path }, options);
  }

  /** What lies in a folder, in no order: as it is, names that are no UTF-8 included. */
  async entries(path: SandboxPath, control: Control = {}): Promise<Entry[]> {
    const found: Entry[] = [];
    const onItem = (fields: Fields) => {
      if (found.length >= MOST_ENTRIES) throw new ProtocolError(`more than ${MOST_ENTRIES} entries in one folder`);
      found.push(decodeEntry(fields));
    };
    const asked = { type: FilesType.FOLDER, fields: [pathField(path)], onItem, ...signalOf(control) };
    await this.ask(asked, "list", path);
    return found;
  }

  /** Makes a symbolic link. @param options.overwrite replaces what is no folder; default false */
  async link(
    path: SandboxPath,
    target: Uint8Array | string,
    options: Control & { overwrite?: boolean } = {},
  ): Promise<void> {
    const fields = [pathField(path), [2, target] as const, [16, options.overwrite ?? false] as const];
    await this.ask({ type: FilesType.LINK, fields, ...signalOf(options) }, "make the link", path);
  }

  /** Closes the connections; the next request opens them again. */
  close(): void {
    this.#pool.close();
  }

  /** Asks a worker whatever it knows; its refusal becomes a failure about the path. @param doing such as `read` */
  async ask(asked: Asked, doing: string, path: SandboxPath): Promise<Fields> {
    try {
      return await this.#pool.ask(asked);
    } catch (error) {
      throw error instanceof FileFailed ? fileError(error, doing, pathText(path)) : error;
    }
  }
}

function pathField(path: SandboxPath) {
  return [1, path] as const;
}

function wide(tag: number, value: number) {
  return [tag, BigInt(value)] as const;
}

function signalOf({ signal }: Control): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
