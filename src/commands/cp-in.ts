/** Copies what is on this host into a sandbox. */
import { open, stat, type FileHandle } from "node:fs/promises";
import { PodexecError } from "../errors.ts";
import type { Files } from "../sandbox/files/files.ts";
import { shownPath } from "../sandbox/files/errors.ts";
import { pathText } from "../sandbox/files/wire.ts";
import type { Copying } from "./cp-progress.ts";
import { LocalFolder } from "./cp-folder.ts";
import { nameIn } from "./cp-names.ts";

/** Large pieces: each is one frame. */
const PIECE = 262_144;
const PERMISSIONS = 0o777;
const NEITHER = "it is neither a file, a folder nor a link";

export interface Copier {
  files: Files;
  copying: Copying;
}

/**
 * @param from a local path, or `-` for standard input
 * @param to a path in the sandbox
 * @throws PodexecError FILE_NOT_FOUND, FILE_ERROR
 */
export async function copyIn({ files, copying }: Copier, from: string, to: string): Promise<void> {
  if (from === "-") return copyStdin({ files, copying }, to);
  const stats = await local(from, () => stat(from));
  const goal = Buffer.from(await goalFor(files, from, to));
  if (stats.isDirectory()) {
    await using folder = await local(from, () => LocalFolder.open(from));
    await copyFolder({ files, copying }, { folder, to: goal }, stats.mode);
  } else if (stats.isFile()) {
    const { mode } = stats;
    await copyFile({ files, copying }, { shown: from, to: goal }, async () => ({ file: await open(from, "r"), mode }));
  } else copying.leaveOut(from, NEITHER);
}

/** Into a folder that is there, or is meant by a final slash, goes something of the same name. */
async function goalFor(files: Files, from: string, to: string): Promise<string> {
  const name = nameIn(from);
  const isFolder = (await kindOf(files, to)) === "folder";
  if (name === undefined || !(isFolder || to.endsWith("/"))) return to;
  return to.endsWith("/") ? `${to}${name}` : `${to}/${name}`;
}

async function copyStdin({ files, copying }: Copier, to: string): Promise<void> {
  if (to.endsWith("/") || (await kindOf(files, to)) === "folder") {
    throw new PodexecError("USAGE", `${to} is a folder: standard input needs a file's name`, {
      hint: `Such as ${to.replace(/\/$/, "")}/input`,
    });
  }
  const { signal } = copying;
  await files.write(to, copying.counted(copying.stdin.chunks()), { createFolders: true, signal });
}

async function kindOf(files: Files, path: string): Promise<string | undefined> {
  try {
    return (await files.stat(path)).kind;
  } catch (error) {
    if (error instanceof PodexecError && error.code === "FILE_NOT_FOUND") return undefined;
    throw error;
  }
}

interface Entry {
  folder: LocalFolder;
  name: Buffer;
  /** Its path in the sandbox. */
  to: Buffer;
}

/** What is in a folder may be changed by a sandbox whose workspace it is: nothing of the rest of this host is copied. */
async function copyEntry(copier: Copier, { folder, name, to }: Entry): Promise<void> {
  const { files, copying } = copier;
  const { signal } = copying;
  const shown = folder.pathOf(name);
  signal.throwIfAborted();
  const stats = await local(shown, () => folder.stat(name));
  if (stats.isDirectory()) {
    await using inner = await local(shown, () => folder.enter(name));
    await copyFolder(copier, { folder: inner, to }, stats.mode);
  } else if (stats.isFile()) await copyFile(copier, { shown, to }, () => folder.read(name));
  else if (stats.isSymbolicLink()) {
    const target = await local(shown, () => folder.target(name));
    await files.link(to, target, { overwrite: true, signal });
  } else copying.leaveOut(shown, NEITHER);
}

async function copyFolder(copier: Copier, { folder, to }: Omit<Entry, "name">, mode: number): Promise<void> {
  const { files, copying } = copier;
  const names = await local(pathText(folder.path), () => folder.names());
  await files.makeFolder(to, { mode: mode & PERMISSIONS, signal: copying.signal });
  for (const name of names) await copyEntry(copier, { folder, name, to: joined(to, name) });
}

async function copyFile(
  { files, copying }: Copier,
  { shown, to }: { shown: string; to: Buffer },
  openFile: () => Promise<{ file: FileHandle; mode: number }>,
): Promise<void> {
  const { file, mode } = await local(shown, openFile);
  try {
    const options = { mode: mode & PERMISSIONS, createFolders: true, signal: copying.signal };
    await local(shown, () => files.write(to, copying.counted(piecesOf(file)), options));
  } finally {
    await file.close();
  }
  copying.finished();
}

async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function joined(folder: Buffer, name: Uint8Array): Buffer {
  return Buffer.concat([folder, Buffer.from("/"), name]);
}

/** What the system says about a local file, as a failure with a code. */
export async function local<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const { code, message } = cause as { code?: unknown; message?: string };
    if (cause instanceof PodexecError || typeof code !== "string") throw cause;
    const shown = shownPath(path);
    if (code === "ENOENT") throw new PodexecError("FILE_NOT_FOUND", `there is no ${shown} on this host`, { cause });
    // Behind the comma the system call and its path follow, which may be another name of the same.
    const [reason = code] = (message ?? code).split(", ");
    throw new PodexecError("FILE_ERROR", `${shown} on this host: ${reason}`, { cause });
  }
}
