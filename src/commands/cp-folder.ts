/** A folder of this host that a hostile sandbox may have its hands in: nothing leads through a link, nothing outside. */
import { constants } from "node:fs";
import type { Stats } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
  type FileHandle,
} from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { PodexecError } from "../errors.ts";
import { shownPath } from "../sandbox/files/errors.ts";
import { fsPath } from "./cp-names.ts";

const isLinux = process.platform === "linux";
const FOLDER = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);
/** A FIFO that took a file's place does not hold us up. */
const FILE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);

/**
 * One folder. On Linux it is held open and reached through its descriptor: whoever replaces it by a link meanwhile (a
 * sandbox can, where the folder is its workspace) changes nothing. Elsewhere its path is used.
 */
export class LocalFolder implements AsyncDisposable {
  readonly path: Buffer;
  readonly #handle: FileHandle | undefined;

  private constructor(path: Buffer, handle: FileHandle | undefined) {
    this.path = path;
    this.#handle = handle;
  }

  /** A folder that the user named: links on the way are the user's. */
  static async open(path: string): Promise<LocalFolder> {
    const flags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0);
    return new LocalFolder(Buffer.from(path), isLinux ? await open(path, flags) : undefined);
  }

  /** Where something in it lies, for messages. */
  pathOf(name: Uint8Array): string {
    return joined(this.path, name).toString();
  }

  /** A folder in it, which is made where it is missing. `isNew` tells which. */
  async folder(name: Uint8Array): Promise<{ folder: LocalFolder; isNew: boolean }> {
    const at = this.#at(name);
    const isNew = await mkdir(at, 0o700).then(
      () => true,
      (error: { code?: string }) => {
        if (error.code !== "EEXIST") throw error;
        return false;
      },
    );
    const path = joined(this.path, name);
    const isFolder = (await lstat(at)).isDirectory();
    if (!isFolder)
      throw new PodexecError(
        "FILE_ERROR",
        `${shownPath(path.toString())} on this host is no folder, and is not followed`,
      );
    return { folder: new LocalFolder(path, isLinux ? await open(at, FOLDER) : undefined), isNew };
  }

  /** A file in it, which takes its name at once when it is complete. @param read is called when it can be written */
  async write(name: Uint8Array, read: () => Promise<AsyncIterable<Uint8Array>>, mode: number): Promise<void> {
    const unfinished = this.#at(Buffer.from(`.podexec-${randomBytes(8).toString("hex")}`));
    const file = await open(unfinished, "wx", 0o600);
    try {
      for await (const piece of await read()) await writeAll(file, piece);
      await file.chmod(mode);
      await file.close();
      await rename(unfinished, this.#at(name));
    } catch (error) {
      await file.close().catch(() => {});
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  /** A link in it; it replaces a file or a link of that name. */
  async link(name: Uint8Array, target: Uint8Array): Promise<void> {
    const at = this.#at(name);
    const before = await lstat(at).catch(() => undefined);
    if (before && !before.isDirectory()) await unlink(at);
    await symlink(fsPath(Buffer.from(target)), at);
  }

  /** The names in it. */
  names(): Promise<Buffer[]> {
    return readdir(this.#handle ? `/proc/self/fd/${this.#handle.fd}` : fsPath(this.path), { encoding: "buffer" });
  }

  /** What something in it is, links not followed. */
  stat(name: Uint8Array): Promise<Stats> {
    return lstat(this.#at(name));
  }

  /** A folder in it that is there. */
  async enter(name: Uint8Array): Promise<LocalFolder> {
    const handle = isLinux ? await open(this.#at(name), FOLDER) : undefined;
    return new LocalFolder(joined(this.path, name), handle);
  }

  /** A file in it, to be read and closed. @throws PodexecError FILE_ERROR where it is none any more */
  async read(name: Uint8Array): Promise<{ file: FileHandle; mode: number }> {
    const file = await open(this.#at(name), FILE);
    const stats = await file.stat();
    if (stats.isFile()) return { file, mode: stats.mode };
    await file.close();
    throw new PodexecError("FILE_ERROR", `${shownPath(this.pathOf(name))} on this host is no file any more`);
  }

  /** Where a link in it leads. */
  target(name: Uint8Array): Promise<Buffer> {
    return readlink(this.#at(name), "buffer");
  }

  async setMode(mode: number): Promise<void> {
    await (this.#handle?.chmod(mode) ?? chmod(fsPath(this.path), mode));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
  }

  #at(name: Uint8Array): string | Buffer {
    checkName(name);
    return fsPath(joined(this.#handle ? Buffer.from(`/proc/self/fd/${this.#handle.fd}`) : this.path, name));
  }
}

/** What separates names, or leads elsewhere, is no name; Windows knows more of it. */
function checkName(name: Uint8Array): void {
  const text = Buffer.from(name).toString("latin1");
  const isBad = /^(\.{0,2})$/.test(text) || /[/\0]/.test(text) || (process.platform === "win32" && /[\\:]/.test(text));
  if (isBad) throw new PodexecError("FILE_ERROR", `${shownPath(text)} is no name for a file on this host`);
}

function joined(folder: Buffer, name: Uint8Array): Buffer {
  return Buffer.concat([folder, Buffer.from("/"), name]);
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
}
