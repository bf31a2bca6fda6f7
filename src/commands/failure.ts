import { describeError, PodexecError, toPodexecError } from "../errors.ts";

export interface FailureOptions {
  /** One JSON object instead of lines. */
  json: boolean;
  /** With stack frames. */
  debug: boolean;
}

/**
 * What is printed about a failure, expected or not: an expected one in its own words, another one in one line and how
 * to see where it comes from.
 */
export function failureText(thrown: unknown, { json, debug }: FailureOptions): { error: PodexecError; text: string } {
  const error = withDetails(thrown, debug);
  if (!json) return { error, text: `${describeError(error)}\n` };
  const { code, message, hint, details } = error;
  return { error, text: `${JSON.stringify({ error: { code, message, hint, details } })}\n` };
}

function withDetails(thrown: unknown, debug: boolean): PodexecError {
  const error = toPodexecError(thrown);
  const expected = thrown instanceof PodexecError;
  if (debug) return copy(error, { details: [error.details, stacks(thrown)].filter(Boolean).join("\n") });
  if (expected) return error;
  if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOSPC")
    return copy(error, { message: firstLine(error.message), hint: "Free some room where output and --data-dir go." });
  return copy(error, {
    message: `internal error: ${firstLine(error.message)}`,
    hint: "This is a fault of podexec; PODEXEC_DEBUG=1 or --log-level debug shows where.",
  });
}

function copy(error: PodexecError, changes: { message?: string; hint?: string; details?: string }): PodexecError {
  const hint = changes.hint ?? error.hint;
  const details = changes.details ?? error.details;
  return new PodexecError(error.code, changes.message ?? error.message, {
    ...(hint === undefined ? {} : { hint }),
    ...(details === undefined ? {} : { details }),
    cause: error.cause,
  });
}

/** The stack of a thrown value and of its causes. */
function stacks(thrown: unknown): string {
  const lines: string[] = [];
  for (let error = thrown; error instanceof Error && lines.length < 8; error = error.cause) {
    lines.push(error.stack ?? error.message);
  }
  return lines.join("\ncaused by ");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
