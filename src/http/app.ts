/** The HTTP side of podexec: one function from Request to Response. */
import {
  isInitializeRequest,
  isJSONRPCRequest,
  JSONRPCMessageSchema,
  type RequestId,
} from "@modelcontextprotocol/sdk/types.js";
import { toPodexecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { readBody } from "./body.ts";
import { preflight, withCors } from "./cors.ts";
import { checkRequest, toResponse, type GatePolicy, type Refusal } from "./gates.ts";
import { isOfModernEra, namesModernVersion, ONLY_POST, type ModernEndpoint } from "./modern.ts";
import type { Session, Sessions } from "./sessions.ts";
import { eventOf, openStream } from "./stream.ts";

export interface AppOptions {
  policy: GatePolicy;
  sessions: Sessions;
  /** Answers what is of the 2026-07-28 revision of MCP. */
  modern: ModernEndpoint;
  log: Log;
  /** Who calls, once the gates let the request pass. */
  principalOf(request: Request): string;
}

const SESSION_HEADER = "mcp-session-id";
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const SERVER_ERROR = -32000;
/** Requests that one session may have running. */
const MAX_REQUESTS = 256;
/** MCP 2025-11-25, Session Management: exactly this makes clients begin anew. */
const NO_SESSION = { status: 404, code: -32001, message: "Session not found" };
const NOTHING_LEFT = {
  status: 405,
  code: SERVER_ERROR,
  message: "that stream is finished: nothing is left to resume",
  headers: { Allow: "POST, DELETE" },
};

/**
 * The request handler of streamable HTTP at /mcp.
 *
 * @returns a function that never throws
 */
export function createApp(options: AppOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const asked = preflight(request, options.policy);
      if (asked) return asked;
      const refusal = checkRequest(request, options.policy);
      const response = refusal ? toResponse(refusal) : await handle(request, options);
      return withCors(response, request, options.policy);
    } catch (thrown) {
      options.log.error("a request failed", thrown);
      return toResponse({ status: 500, code: -32603, message: toPodexecError(thrown).message });
    }
  };
}

async function handle(request: Request, options: AppOptions): Promise<Response> {
  const principal = options.principalOf(request);
  if (request.method !== "POST") {
    if (namesModernVersion(request)) return toResponse(ONLY_POST);
    const session = options.sessions.find(request.headers.get(SESSION_HEADER) ?? "", principal);
    return session ? stream(request, session) : noSession(request);
  }
  const { text, refusal: unread } = await readBody(request, { limit: options.policy.bodyLimit });
  if (unread) return toResponse(unread);
  const body = parseJson(text);
  if (await isOfModernEra(request, body)) return options.modern.handle(request, body, principal);
  const refusal = checkMessage(body);
  return refusal ? toResponse(refusal) : post(request, body, principal, options);
}

async function post(request: Request, body: unknown, principal: string, options: AppOptions): Promise<Response> {
  const id = request.headers.get(SESSION_HEADER);
  // An initialize that carries the id of a session that is gone begins a new one.
  if (isInitializeRequest(body)) return begin(request, body, principal, options);
  const session = id === null ? undefined : options.sessions.find(id, principal);
  return session ? answer(request, body, session) : noSession(request);
}

async function begin(request: Request, body: unknown, principal: string, options: AppOptions): Promise<Response> {
  const session = await options.sessions.open(principal);
  if (!session) return toResponse(full(options.sessions.size));
  let isOpen = false;
  try {
    const response = await answer(withoutSession(request), body, session);
    isOpen = response.ok;
    return response;
  } finally {
    if (!isOpen) await options.sessions.end(session.id);
  }
}

async function answer(request: Request, parsedBody: unknown, session: Session): Promise<Response> {
  session.lastSeenAt = Date.now();
  const id = isJSONRPCRequest(parsedBody) ? parsedBody.id : undefined;
  const refusal = id === undefined ? undefined : checkId(id, session);
  if (refusal) return toResponse(refusal);
  if (id !== undefined) session.requests.add(id);
  const response = await session.transport.handleRequest(request, { parsedBody });
  if (id !== undefined && !response.ok) session.requests.delete(id);
  return openStream(response);
}

async function stream(request: Request, session: Session): Promise<Response> {
  session.lastSeenAt = Date.now();
  if (request.method !== "GET") return session.transport.handleRequest(request);
  const lastId = request.headers.get("last-event-id");
  // A client that lost its connection opens its stream anew before the server has noticed.
  if (lastId === null) session.transport.closeStandaloneSSEStream();
  const left = lastId === null ? "running" : session.events.after(lastId);
  // The transport would keep a stream of which nothing is to come open for ever.
  if (left === undefined) return toResponse(NOTHING_LEFT);
  if (left !== "running") return openStream(eventOf(left.id, left.message));
  session.streams++;
  return openStream(await session.transport.handleRequest(request), () => session.streams--);
}

/** JSON-RPC 2.0, section 5.1; MCP has no batches since 2025-06-18, and a batch's stream could not be resumed. */
function checkMessage(body: unknown): Refusal | undefined {
  if (body === undefined) return { status: 400, code: PARSE_ERROR, message: "the body is not JSON" };
  const refused = { status: 400, code: INVALID_REQUEST };
  if (Array.isArray(body)) return { ...refused, message: "batches are not supported: send one message a request" };
  if (!JSONRPCMessageSchema.safeParse(body).success) return { ...refused, message: "not a JSON-RPC 2.0 message" };
  const isBadStart = isJSONRPCRequest(body) && body.method === "initialize" && !isInitializeRequest(body);
  if (!isBadStart) return undefined;
  return { ...refused, message: "initialize: needs protocolVersion, capabilities and clientInfo" };
}

/** The transport would lose the answer to the first of two requests with one id. */
function checkId(id: RequestId, { requests }: Session): Refusal | undefined {
  if (requests.has(id)) {
    return { status: 400, code: INVALID_REQUEST, message: "a request with this id is running in this session" };
  }
  if (requests.size < MAX_REQUESTS) return undefined;
  const message = `this session has ${MAX_REQUESTS} requests running; wait for some to end`;
  return { status: 429, code: SERVER_ERROR, message, headers: { "Retry-After": "1" } };
}

function noSession(request: Request): Response {
  if (request.headers.get(SESSION_HEADER) !== null) return toResponse(NO_SESSION);
  const message = "the Mcp-Session-Id header is missing: begin with initialize";
  return toResponse({ status: 400, code: SERVER_ERROR, message });
}

function full(limit: number): Refusal {
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
