/** Web pages of the origins that --allow-origin names may call the server; without it there is no CORS at all. */
import { checkHost, type GatePolicy } from "./gates.ts";

const REQUEST_HEADERS =
  "Authorization, Content-Type, Last-Event-ID, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id";
const DAY_SECONDS = "86400";

/** The answer to a preflight request (Fetch standard, 3.3.2) of an origin that was let in; undefined for others. */
export function preflight(request: Request, policy: GatePolicy): Response | undefined {
  const asked = request.method === "OPTIONS" && request.headers.has("access-control-request-method");
  if (!asked || !allowedOrigin(request, policy) || checkHost(request, policy)) return undefined;
  const headers = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": REQUEST_HEADERS,
    "Access-Control-Max-Age": DAY_SECONDS,
  };
  return withCors(new Response(null, { status: 204, headers }), request, policy);
}

/** Lets the page read the response, the session's id included. */
export function withCors(response: Response, request: Request, policy: GatePolicy): Response {
  const origin = allowedOrigin(request, policy);
  if (origin === undefined) return response;
  response.headers.set("Access-Control-Allow-Origin", origin);
  response.headers.set("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate");
  response.headers.append("Vary", "Origin");
  return response;
}

function allowedOrigin(request: Request, { origins }: GatePolicy): string | undefined {
  const origin = request.headers.get("origin");
  return origin !== null && origins.has(origin) ? origin : undefined;
}
