/** The HTTP side of podexec: one function from Request to Response. */
import { isInitializeRequest } from "@modelcontextprotocol/sdk/types.js";
import { toPodexecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { checkRequest, toResponse, tooLarge, type GatePolicy } from "./gates.ts";
import type { Session, Sessions } from "./sessions.ts";
import { readBody, withFirstByte } from "./stream.ts";

export interface AppOptions {
  policy: GatePolicy;
  sessions: Sessions;
  log: Log;
  /** Who calls, once the gates let the request pass. */
  principalOf(request: Request): string;
}

const SESSION_HEADER = "mcp-session-id";
const PARSE_ERROR = -32700;
const SERVER_ERROR = -32000;
/** MCP 2025-11-25, Session Management: exactly this makes clients begin anew. */
const NO_SESSION = { status: 404, code: -32001, message: "Session not found" };

/**
 * The request handler of streamable HTTP at /mcp.
 *
 * @returns a function that never throws
 */
export function createApp(options: AppOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const refusal = checkRequest(request, options.policy);
      return withFirstByte(refusal ? toResponse(refusal) : await handle(request, options));
    } catch (thrown) {
      options.log.error("a request failed", thrown);
      return toResponse({ status: 500, code: -32603, message: toPodexecError(thrown).message });
    }
  };
}

async function handle(request: Request, options: AppOptions): Promise<Response> {
  const principal = options.principalOf(request);
  if (request.method !== "POST") {
    const session = options.sessions.find(request.headers.get(SESSION_HEADER) ?? "", principal);
    return session ? stream(request, session) : noSession(request);
  }
  const text = await readBody(request, options.policy.bodyLimit);
  if (text === undefined) return toResponse(tooLarge(options.policy.bodyLimit));
  const body = parseJson(text);
  if (body === undefined) return toResponse({ status: 400, code: PARSE_ERROR, message: "the body is not JSON" });
  return post(request, body, principal, options);
}

async function post(request: Request, body: unknown, principal: string, options: AppOptions): Promise<Response> {
  const id = request.headers.get(SESSION_HEADER);
  // An initialize that carries the id of a session that is gone begins a new one.
  if (isInitializeRequest(body)) {
    const session = await options.sessions.open(principal);
    if (!session) return toResponse(full(options.sessions.size));
    const response = await answer(withoutSession(request), body, session);
    if (!response.ok) await options.sessions.end(session.id);
    return response;
  }
  const session = id === null ? undefined : options.sessions.find(id, principal);
  return session ? answer(request, body, session) : noSession(request);
}

async function answer(request: Request, parsedBody: unknown, session: Session): Promise<Response> {
  session.lastSeenAt = Date.now();
  return session.transport.handleRequest(request, { parsedBody });
}

async function stream(request: Request, session: Session): Promise<Response> {
  session.lastSeenAt = Date.now();
  if (request.method === "GET") {
    const lastId = request.headers.get("last-event-id");
    // The transport would keep such a stream open for ever, and some clients would ask again for ever.
    if (lastId !== null && session.events.isFinal(lastId)) {
      const message = "that stream is finished: nothing is left to resume";
      return toResponse({ status: 405, code: SERVER_ERROR, message, headers: { Allow: "POST, DELETE" } });
    }
    // A client that lost its connection opens its stream anew before the server has noticed.
    if (lastId === null) session.transport.closeStandaloneSSEStream();
  }
  return session.transport.handleRequest(request);
}

function noSession(request: Request): Response {
  if (request.headers.get(SESSION_HEADER) !== null) return toResponse(NO_SESSION);
  const message = "the Mcp-Session-Id header is missing: begin with initialize";
  return toResponse({ status: 400, code: SERVER_ERROR, message });
}

function full(limit: number) {
  const message = `all ${limit} sessions of this server are in use; try again later, or raise --max-sessions`;
  return { status: 503, code: SERVER_ERROR, message, headers: { "Retry-After": "30" } };
}

function withoutSession(request: Request): Request {
  const headers = new Headers(request.headers);
  headers.delete(SESSION_HEADER);
  return new Request(request.url, { method: request.method, headers });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
