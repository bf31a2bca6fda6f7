/** Copies what is in a sandbox to this host. Everything a sandbox says is hostile: names, links, lengths. */
import { mkdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { PodexecError } from "../errors.ts";
import { shownPath } from "../sandbox/files/errors.ts";
import { pathText, type Entry, type FileInfo } from "../sandbox/files/wire.ts";
import { LocalFolder } from "./cp-folder.ts";
import { local, type Copier } from "./cp-in.ts";
import { nameIn, staysInside } from "./cp-names.ts";

/** Set-user-id and the like are not taken over from a sandbox. */
const PERMISSIONS = 0o777;
/** What is read of a file that has no size, as those of /proc. */
const MOST_UNSIZED = 64 * 1024 * 1024;
const DEEPEST = 256;

/**
 * @param from a path in the sandbox
 * @param to a local path, or `-` for standard output
 * @throws PodexecError FILE_NOT_FOUND, FILE_ERROR
 */
export async function copyOut(copier: Copier, from: string, to: string): Promise<void> {
  const { files, copying } = copier;
  const info = await files.stat(from, { signal: copying.signal });
  if (to === "-") return copyToStdout(copier, from, info);
  const goal = await local(to, () => goalFor(from, to));
  await using parent = await local(goal.parent, () => LocalFolder.open(goal.parent));
  const source = { path: Buffer.from(from), info };
  if (goal.name === undefined) {
    if (info.kind !== "folder") throw new PodexecError("FILE_ERROR", `${from} is no folder`);
    await copyEntries(copier, source, { folder: parent, depth: 0 });
  } else await copyOne(copier, source, { folder: parent, name: Buffer.from(goal.name), depth: -1 });
}

async function copyToStdout({ files, copying }: Copier, from: string, info: FileInfo): Promise<void> {
  const { signal } = copying;
  const { pieces } = await files.readStream(from, { length: lengthOf(info), signal });
  for await (const piece of copying.counted(pieces)) await copying.stdout.write(piece);
}

interface Goal {
  parent: string;
  /** Undefined: what is in the copied folder goes into `parent` itself. */
  name: string | undefined;
}

/** Into a folder that is there, or is meant by a final slash, goes something of the same name. */
async function goalFor(from: string, to: string): Promise<Goal> {
  const isFolder = await stat(to).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!isFolder && /[/\\]$/.test(to)) await mkdir(to, { recursive: true });
  else if (!isFolder) return { parent: dirname(to), name: basename(to) };
  return { parent: to, name: nameIn(from) };
}

interface Source {
  path: Buffer;
  info: FileInfo;
}

interface Target {
  folder: LocalFolder;
  /** How deep the folder lies in what is copied; the copied folder itself: 0. */
  depth: number;
}

async function copyOne(copier: Copier, { path, info }: Source, target: Target & { name: Buffer }): Promise<void> {
  const { files, copying } = copier;
  const { folder, name, depth } = target;
  const shown = pathText(path);
  copying.signal.throwIfAborted();
  if (info.kind === "file") {
    const range = { length: lengthOf(info), signal: copying.signal };
    const read = async () => copying.counted((await files.readStream(path, range)).pieces);
    await local(folder.pathOf(name), () => folder.write(name, read, info.mode & PERMISSIONS));
    copying.finished();
  } else if (info.kind === "folder") {
    await copyFolder(copier, { path, info }, { folder, name, depth: depth + 1 });
  } else if (info.kind !== "link") copying.leaveOut(shown, `it is a ${info.kind}`);
  else if (info.target === undefined || !staysInside(info.target, depth)) {
    copying.leaveOut(shown, `the link leads out of what is copied, to ${shownPath(info.target ?? "")}`);
  } else {
    const link = Buffer.from(info.target);
    await local(folder.pathOf(name), () => folder.link(name, link));
  }
}

async function copyFolder(copier: Copier, source: Source, target: Target & { name: Buffer }): Promise<void> {
  const { depth, name } = target;
  const shown = target.folder.pathOf(name);
  if (depth > DEEPEST) throw new PodexecError("FILE_ERROR", `${shownPath(shown)} lies deeper than ${DEEPEST} folders`);
  const { folder, isNew } = await local(shown, () => target.folder.folder(name));
  await using into = folder;
  await copyEntries(copier, source, { folder: into, depth });
  if (isNew) await local(shown, () => into.setMode(source.info.mode & PERMISSIONS));
}

async function copyEntries(copier: Copier, { path }: Source, target: Target): Promise<void> {
  const entries: Entry[] = await copier.files.entries(path, { signal: copier.copying.signal });
  for (const info of entries) {
    const name = Buffer.from(info.name);
    await copyOne(copier, { path: Buffer.concat([path, Buffer.from("/"), name]), info }, { ...target, name });
  }
}

function lengthOf({ size }: FileInfo): number {
  return size > 0 ? size : MOST_UNSIZED;
}
