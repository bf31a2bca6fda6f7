/** What the worker could not do with a file, as a failure that says why and what to do. */
import { PodexecError } from "../../errors.ts";
import type { Failure } from "./wire.ts";

/** The worker's FAIL, before it is known what was tried. */
export class FileFailed extends Error {
  override readonly name = "FileFailed";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`${failure.code}: ${failure.message}`);
    this.failure = failure;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "Check the spelling (file_list, `ls`); relative paths start in the working directory, /workspace.",
  EACCES: "Even the sandbox's root may not do that there; look with `ls -l`, `id` and `mount`.",
  EPERM: "Even the sandbox's root may not do that there; look with `ls -l`, `lsattr` and `mount`.",
  EISDIR: "Name a file in it; file_list shows what is there.",
  ENOTDIR: "A part of the path is a file, not a folder.",
  ENOTEMPTY: "Say `recursive: true` to delete a folder with everything in it.",
  EEXIST:
    "Something has that name already; choose another, or let it be replaced (`overwrite` of file_move, `if_exists` of file_write).",
  ENOSPC: "The sandbox's disk is full; `df -h` and `du -x` show what takes the room. Nothing of the file was changed.",
  EDQUOT: "The sandbox's disk quota is used up; `df -h` and `du -x` show what takes the room.",
  ESTALE: "Read the file again and repeat the change.",
  ELOOP: "Symbolic links lead in a circle, or folders lie too deep; `ls -l` shows the links, shell_exec goes deeper.",
  EROFS: "That place is read-only in this sandbox; write elsewhere, as in /workspace or /tmp.",
  EBUSY: "Delete or move what lies in it instead.",
  EINVAL: "Files only: for FIFOs, sockets and devices use shell_exec.",
  ETXTBSY: "The file is a program that runs; end it first.",
};

/**
 * FAIL as a PodexecError: FILE_NOT_FOUND, or FILE_ERROR with the reason.
 *
 * @param doing what was tried, such as `read`
 * @param path as the caller gave it
 */
export function fileError(error: FileFailed, doing: string, path: string): PodexecError {
  const { code, path: where } = error.failure;
  const message = error.failure.message.replace(/\p{C}/gu, "?");
  const hint = HINTS[code];
  const extras = { cause: error, ...(hint === undefined ? {} : { hint }) };
  const place = where === undefined || where === path || where.endsWith(`/${path}`) ? path : `${path} (at ${where})`;
  if (code === "ENOENT" && message === "No such file or directory")
    return new PodexecError(
      "FILE_NOT_FOUND",
      `cannot ${doing} ${shownPath(place)}: there is no such file or folder`,
      extras,
    );
  return new PodexecError("FILE_ERROR", `cannot ${doing} ${shownPath(place)}: ${message} (${code})`, extras);
}

/** Whether a file was not written because it is not the expected one any more. */
export function isChangedMeanwhile(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  return cause instanceof FileFailed && cause.failure.code === "ESTALE";
}

/** A path in a message: on one line, and nothing that moves a terminal's cursor, whatever its name holds. */
export function shownPath(path: string): string {
  if (!/\p{C}/u.test(path)) return path;
  const escape = (char: string) => `\\u{${char.codePointAt(0)?.toString(16)}}`;
  return JSON.stringify(path).replace(/\p{C}/gu, escape);
}
