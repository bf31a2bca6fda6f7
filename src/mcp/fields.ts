/** Pieces of input that several tools have in common. */
import { z } from "zod";

const MAX_HANDLE = 200;
const MAX_PATH = 4_095;

/** Bytes of a text as UTF-8. */
export const bytesOf = (value: string): number => Buffer.byteLength(value);

/** Text without NUL, at which arguments, paths and variables end (execve(2)). @param what names it in the message */
export const textWithoutNul = (what: string) =>
  z.string().refine((value) => !value.includes("\0"), `${what} must not contain NUL`);

/** The sandbox a call is for. */
export const sandboxField = z
  .string()
  .max(MAX_HANDLE)
  .optional()
  .describe("The handle of a sandbox, from an earlier result. Default: yours.");

/** A path in the sandbox. @param what the field's name */
export const pathField = (what: string) =>
  textWithoutNul(what)
    .min(1, `${what} must not be empty`)
    .refine((path) => bytesOf(path) <= MAX_PATH, `a path may have at most ${MAX_PATH} bytes`);
