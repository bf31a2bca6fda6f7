/** Failures of the protocol, as opposed to those of a tool: both SDKs make a JSON-RPC error of them. */

/** JSON-RPC 2.0, section 5.1. */
export const RPC_INVALID_PARAMS = -32602;
const RESOURCE_NOT_FOUND = -32002;

/** Answered as a JSON-RPC error with this code. */
export class ProtocolFailure extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = "ProtocolFailure";
    this.code = code;
    this.data = data;
  }
}

/** There is no such resource, or not for this caller. MCP 2026-07-28 has no code of its own for that (SEP-2164). */
export class ResourceNotFound extends ProtocolFailure {
  /** @param uri as the client named it */
  constructor(uri: string, message: string) {
    super(RESOURCE_NOT_FOUND, message, { uri });
  }

  /** The same as MCP 2026-07-28 has it. */
  modern(): ProtocolFailure {
    return new ProtocolFailure(RPC_INVALID_PARAMS, this.message, this.data);
  }
}
