/** Pieces of input about commands. */
import { z } from "zod";
import { bytesOf, textWithoutNul } from "./fields.ts";

/** Linux takes at most this much in one argument or variable: MAX_ARG_STRLEN, execve(2), without the final NUL. */
const MAX_ARGUMENT = 131_071;
/** With a command and a path of any length a start still fits into a frame of the agent's protocol. */
const MAX_ENVIRONMENT = 65_536;
const MAX_VARIABLES = 1_000;
const MAX_WAIT_MS = 10 * 60 * 1000;
const MAX_TIMEOUT_MS = 24 * 60 * 60 * 1000;
const MAX_SIZE = 500;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** How long a call waits where it does not say: clients give up after about a minute. */
export const DEFAULT_WAIT_MS = 50_000;
export const DEFAULT_TERMINAL = { rows: 24, columns: 80 };

/** A shell command. */
export const commandField = textWithoutNul("command")
  .min(1, "command must not be empty")
  .refine(
    (command) => bytesOf(command) <= MAX_ARGUMENT,
    `command may have at most ${MAX_ARGUMENT} bytes; write long scripts to a file through stdin`,
  );

/** Variables by their names. */
export const environmentField = z
  .record(z.string().regex(ENVIRONMENT_NAME, "not a variable name"), textWithoutNul("a value"))
  .refine((env) => Object.keys(env).length <= MAX_VARIABLES, `at most ${MAX_VARIABLES} variables`)
  .refine(
    (env) => bytesOf(Object.entries(env).flat().join("==")) <= MAX_ENVIRONMENT,
    `names and values may have at most ${MAX_ENVIRONMENT} bytes together; pass more through stdin`,
  );

/** A command's id, as results name it. */
export const idField = z.string().max(64).describe("The command's id, from an earlier result or shell_list.");

/** Where to go on in a command's output. */
export const cursorField = z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional();

/** How long a call waits. */
export const waitField = z.int().min(0).max(MAX_WAIT_MS).optional();

/** How long a command may take. */
export const timeoutField = z.int().min(1).max(MAX_TIMEOUT_MS).optional();

/** A terminal's size. */
export const sizeField = z.strictObject({
  rows: z.int().min(1).max(MAX_SIZE),
  columns: z.int().min(1).max(MAX_SIZE),
});
