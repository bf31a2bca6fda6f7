/** What a request must pass before the protocol sees it: pure checks, each answering why not, or undefined. */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIPv6 } from "node:net";

export interface Refusal {
  status: number;
  /** JSON-RPC error code. */
  code: number;
  message: string;
  headers?: Record<string, string>;
}

export interface GatePolicy {
  /** Host names and addresses under which this server may be called, lower case, without port. */
  hosts: ReadonlySet<string>;
  /** Any Host header is accepted: a token guards the server, and it listens under names that cannot be known. */
  anyHost: boolean;
  /** Further origins of web pages that may call it, such as `https://example.org`. */
  origins: ReadonlySet<string>;
  /** The bearer token that every request must carry; undefined: none. */
  token: string | undefined;
  /** Bytes a request's body may have. */
  bodyLimit: number;
}

const PATH = "/mcp";
const METHODS = ["GET", "POST", "DELETE"];
const REFUSED = -32000;

/**
 * Checks everything that can be known from the request's line and headers.
 * MCP 2025-11-25, Transports, Security Warning: validate Origin, against DNS rebinding.
 */
export function checkRequest(request: Request, policy: GatePolicy): Refusal | undefined {
  return (
    checkHost(request, policy) ??
    checkOrigin(request, policy) ??
    checkPath(request) ??
    checkToken(request, policy) ??
    checkMethod(request) ??
    checkLength(request, policy)
  );
}

/** Whether the request names a host that this server answers to. */
export function checkHost(request: Request, { hosts, anyHost }: GatePolicy): Refusal | undefined {
  if (anyHost) return undefined;
  const host = hostName(request.headers.get("host") ?? "");
  if (host !== undefined && hosts.has(host)) return undefined;
  return { status: 403, code: REFUSED, message: "Host header not allowed; add it with --allow-host" };
}

function checkOrigin(request: Request, { hosts, origins }: GatePolicy): Refusal | undefined {
  const origin = request.headers.get("origin");
  if (origin === null || origins.has(origin)) return undefined;
  const host = URL.canParse(origin) ? hostName(new URL(origin).host) : undefined;
  if (host !== undefined && hosts.has(host)) return undefined;
  return { status: 403, code: REFUSED, message: "Origin header not allowed; add it with --allow-origin" };
}

function checkPath(request: Request): Refusal | undefined {
  if (new URL(request.url).pathname === PATH) return undefined;
  return { status: 404, code: REFUSED, message: `nothing is here; the MCP endpoint is ${PATH}` };
}

/** RFC 6750, section 3. */
function checkToken(request: Request, { token }: GatePolicy): Refusal | undefined {
  if (token === undefined) return undefined;
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && sameText(given, token)) return undefined;
  const isMissing = given === undefined;
  const challenge = isMissing ? 'Bearer realm="podexec"' : 'Bearer realm="podexec", error="invalid_token"';
  const message = isMissing ? "a bearer token is needed" : "the bearer token is not the one of this server";
  return { status: 401, code: REFUSED, message, headers: { "WWW-Authenticate": challenge } };
}

function checkMethod(request: Request): Refusal | undefined {
  if (METHODS.includes(request.method)) return undefined;
  const headers = { Allow: METHODS.join(", ") };
  return { status: 405, code: REFUSED, message: `method ${request.method} not allowed`, headers };
}

function checkLength(request: Request, { bodyLimit }: GatePolicy): Refusal | undefined {
  const length = Number(request.headers.get("content-length") ?? 0);
  return length > bodyLimit ? tooLarge(bodyLimit) : undefined;
}

/** Names as a Host header has them: lower case, IPv6 addresses in brackets. */
export function hostNames(names: readonly string[]): Set<string> {
  return new Set(names.map((name) => (isIPv6(name) ? `[${name}]` : name).toLowerCase()));
}

/** The refusal of a body that is longer than allowed. */
export function tooLarge(bodyLimit: number): Refusal {
  return { status: 413, code: REFUSED, message: `the body has more than ${bodyLimit} bytes (--body-limit)` };
}

/** A refusal as a response with a JSON-RPC error. */
export function toResponse(refusal: Refusal): Response {
  const error = { code: refusal.code, message: refusal.message };
  const headers = { "Content-Type": "application/json", ...refusal.headers };
  return new Response(JSON.stringify({ jsonrpc: "2.0", error, id: null }), { status: refusal.status, headers });
}

/** The name in a Host header, without its port: RFC 9110, section 7.2. */
function hostName(host: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]/@]+)(:\d{1,5})?$/i.exec(host);
  return match?.[1]?.toLowerCase();
}

/** Compares in constant time; the digests make the lengths equal. */
function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
