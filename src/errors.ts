/** What an expected failure means to each of its readers: the shell, an HTTP client, a JSON-RPC client. */
interface Meaning {
  exit: number;
  http: number;
  rpc: number;
}

const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;
const SERVER_ERROR = -32000;
const NOT_FOUND = -32001;

/**
 * THE table of expected failures. Exit statuses: 1 failed, 2 wrong usage, 3 the host lacks something, 4 not found,
 * 5 taken, 6 refused, 130 interrupted.
 */
const MEANINGS = {
  USAGE: { exit: 2, http: 400, rpc: INVALID_PARAMS },
  INVALID_PARAMS: { exit: 2, http: 400, rpc: INVALID_PARAMS },
  INVALID_CONFIG: { exit: 2, http: 500, rpc: INTERNAL_ERROR },
  PODMAN_MISSING: { exit: 3, http: 503, rpc: SERVER_ERROR },
  PODMAN_TOO_OLD: { exit: 3, http: 503, rpc: SERVER_ERROR },
  PODMAN_UNUSABLE: { exit: 3, http: 503, rpc: SERVER_ERROR },
  PODMAN_ERROR: { exit: 1, http: 502, rpc: SERVER_ERROR },
  IMAGE_MISSING: { exit: 4, http: 503, rpc: SERVER_ERROR },
  PODMAN_NOT_CONNECTED: { exit: 3, http: 503, rpc: SERVER_ERROR },
  INVALID_CONTAINER_NAME: { exit: 2, http: 400, rpc: INVALID_PARAMS },
  INVALID_IMAGE_NAME: { exit: 2, http: 400, rpc: INVALID_PARAMS },
  CONTAINER_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  CONTAINER_STATE: { exit: 1, http: 409, rpc: SERVER_ERROR },
  IMAGE_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  REGISTRY_ERROR: { exit: 1, http: 502, rpc: SERVER_ERROR },
  VOLUME_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  NETWORK_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  POD_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  SECRET_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  OBJECT_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  NAME_IN_USE: { exit: 5, http: 409, rpc: SERVER_ERROR },
  IN_USE: { exit: 5, http: 409, rpc: SERVER_ERROR },
  EXEC_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  BUILD_FAILED: { exit: 1, http: 500, rpc: SERVER_ERROR },
  SERVICE_FAILED: { exit: 1, http: 502, rpc: SERVER_ERROR },
  PORT_IN_USE: { exit: 5, http: 500, rpc: SERVER_ERROR },
  SANDBOX_UNKNOWN: { exit: 4, http: 404, rpc: NOT_FOUND },
  SANDBOX_GONE: { exit: 1, http: 410, rpc: SERVER_ERROR },
  SANDBOX_BUSY: { exit: 6, http: 429, rpc: SERVER_ERROR },
  LIMIT_REACHED: { exit: 6, http: 429, rpc: SERVER_ERROR },
  COMMAND_UNKNOWN: { exit: 4, http: 404, rpc: NOT_FOUND },
  COMMAND_ENDED: { exit: 1, http: 409, rpc: SERVER_ERROR },
  FILE_NOT_FOUND: { exit: 4, http: 404, rpc: NOT_FOUND },
  FILE_ERROR: { exit: 1, http: 409, rpc: SERVER_ERROR },
  PORT_CLOSED: { exit: 1, http: 502, rpc: SERVER_ERROR },
  PORT_UNKNOWN: { exit: 4, http: 404, rpc: NOT_FOUND },
  AGENT_PROTOCOL: { exit: 1, http: 502, rpc: SERVER_ERROR },
  REFUSED: { exit: 6, http: 403, rpc: SERVER_ERROR },
  CANCELLED: { exit: 130, http: 499, rpc: SERVER_ERROR },
  INTERRUPTED: { exit: 130, http: 503, rpc: SERVER_ERROR },
  INTERNAL: { exit: 1, http: 500, rpc: INTERNAL_ERROR },
} as const satisfies Record<string, Meaning>;

export type ErrorCode = keyof typeof MEANINGS;

export interface ErrorExtras {
  /** The next step, as a sentence or a command line. */
  hint?: string;
  /** What the failing program said, for the details of a structured error. */
  details?: string;
  cause?: unknown;
}

/** A failure that was expected: it has a code, a message that names the thing, and a hint that names the next step. */
export class PodexecError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: string | undefined;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? {} : { cause: extras.cause });
    this.name = "PodexecError";
    this.code = code;
    this.hint = extras.hint;
    this.details = extras.details;
  }
}

/** What the table says about a code. */
export function meaningOf(code: ErrorCode): Meaning {
  return MEANINGS[code];
}

/**
 * Any thrown value as a PodexecError: itself if it is one, else INTERNAL with its message.
 */
export function toPodexecError(thrown: unknown): PodexecError {
  if (thrown instanceof PodexecError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PodexecError("INTERNAL", message, { cause: thrown });
}

/** The lines a person reads about a failure: `podexec: message`, then details and the hint, each on lines of their own. */
export function describeError(error: PodexecError): string {
  const lines = [`podexec: ${error.message}`];
  if (error.details)
    lines.push(
      ...error.details
        .trimEnd()
        .split("\n")
        .map((line) => `  ${line}`),
    );
  if (error.hint) lines.push(`  ${error.hint}`);
  return lines.join("\n");
}
