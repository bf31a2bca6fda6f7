/** What can be wrong with what is asked of a tree. */
import { PodexecError } from "../../errors.ts";
import { FileFailed } from "./errors.ts";

/** A pattern that is none. @param why with the position */
export function badPattern(why: string): PodexecError {
  return new PodexecError("INVALID_PARAMS", `pattern: ${why}`, {
    hint: "Say `literal: true` to search for the text as it stands.",
  });
}

/** A glob that is none. */
export function badGlob(why: string): PodexecError {
  return new PodexecError("INVALID_PARAMS", `not a glob: ${why}`, {
    hint: "Globs are as in .gitignore, with {a,b} besides: `*.ts`, `src/**`, `!test/`.",
  });
}

/** What LIST and SEARCH refuse in words of their own; everything else as it is. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof PodexecError) || !(error.cause instanceof FileFailed)) return error;
  const { code, message } = error.cause.failure;
  if (code === "EPATTERN") return badPattern(message);
  return code === "EGLOB" ? badGlob(message) : error;
}
