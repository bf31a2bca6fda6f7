/** What a build step was made from, so that an unchanged step is skipped and a half-finished one is not. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

interface Stamp {
  inputs: string;
  size: number;
  modified: number;
}

/**
 * All files below folders (or the files themselves), sorted; what does not exist is left out.
 *
 * @param paths relative to `root`
 * @returns paths relative to `root`
 */
export function filesBelow(root: string, paths: readonly string[]): string[] {
  const found = paths.flatMap((path) => {
    const full = join(root, path);
    if (!existsSync(full)) return [];
    if (statSync(full).isFile()) return [path];
    return readdirSync(full, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  });
  return [...new Set(found)].toSorted();
}

/** One digest over words (flags, versions) and files, names included. */
export function digestOf(words: readonly string[], root: string, files: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify([words, files]));
  for (const file of files)
    hash.update(
      createHash("sha256")
        .update(readFileSync(join(root, file)))
        .digest(),
    );
  return hash.digest("hex");
}

/** Whether `output` is the very file that was finished from these inputs. */
export function isCurrent(output: string, stampFile: string, inputs: string): boolean {
  try {
    const stamp = JSON.parse(readFileSync(stampFile, "utf8")) as Stamp;
    const { size, mtimeMs } = statSync(output);
    return stamp.inputs === inputs && stamp.size === size && stamp.modified === mtimeMs;
  } catch {
    return false;
  }
}

/** Notes that `output` is finished. */
export function noteFinished(output: string, stampFile: string, inputs: string): void {
  const { size, mtimeMs } = statSync(output);
  const stamp: Stamp = { inputs, size, modified: mtimeMs };
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(`${stampFile}.${process.pid}`, JSON.stringify(stamp));
  renameSync(`${stampFile}.${process.pid}`, stampFile);
}
