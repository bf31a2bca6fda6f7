/** Files of the host that a compose file may have read: bounded, and below allowed folders only. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { PodexecError } from "../../errors.ts";

const LARGEST = 1_048_576;

export class HostFiles {
  readonly #roots: readonly string[];

  /** @param roots folders below which everything may be read; the root of the file system is none */
  constructor(roots: readonly string[]) {
    this.#roots = roots.flatMap((root) => {
      const real = realOf(root);
      return real === undefined || dirname(real) === real ? [] : [real];
    });
  }

  /**
   * The real path of something that is there and may be read.
   *
   * @param where names it in messages
   * @throws PodexecError FILE_NOT_FOUND, REFUSED
   */
  find(path: string, base: string, where: string): string {
    if (path.includes("\0")) throw new PodexecError("INVALID_PARAMS", `${where}: a path must not contain NUL`);
    const wanted = resolve(base, path);
    const real = realOf(wanted);
    // What lies outside is refused whether it is there or not: nobody learns what the host has.
    if (!this.#isAllowed(real ?? nearest(wanted))) {
      throw new PodexecError("REFUSED", `${where}: ${path} is outside the folders that may be read`, {
        hint: "They are those of --allow-mount, and the server's working folder where that is neither / nor a home.",
      });
    }
    if (real === undefined) throw new PodexecError("FILE_NOT_FOUND", `${where}: ${path} is not there`);
    return real;
  }

  /** The content of a file. @throws PodexecError as `find`, and FILE_ERROR for what is no file or too large */
  read(path: string, base: string, where: string): Buffer {
    const real = this.find(path, base, where);
    const stat = statSync(real);
    if (!stat.isFile()) throw new PodexecError("FILE_ERROR", `${where}: ${path} is not a regular file`);
    if (stat.size > LARGEST) throw new PodexecError("FILE_ERROR", `${where}: ${path} is larger than ${LARGEST} bytes`);
    return readFileSync(real);
  }

  #isAllowed(real: string): boolean {
    return this.#roots.some((root) => isBelow(real, root));
  }
}

/** Whether a path is a folder or lies below it; both are real paths. */
function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** Where something that is not there would be, with the links of the folders above it followed. */
function nearest(path: string): string {
  const above = dirname(path);
  if (above === path) return path;
  return join(realOf(above) ?? nearest(above), basename(path));
}
