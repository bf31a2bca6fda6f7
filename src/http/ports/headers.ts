/** What of a request's and a response's headers passes through an exposed port. */
import type { PortAddress } from "./address.ts";

/** RFC 9110, section 7.6.1: they concern one connection only. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Answered by the server itself, or said anew. */
const OF_THE_WAY = ["expect", "forwarded", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix"];

/** What a page would do to the server's whole origin, which the path form shares with it. */
const OF_THE_ORIGIN = [
  "set-cookie",
  "clear-site-data",
  "strict-transport-security",
  "alt-svc",
  "nel",
  "report-to",
  "service-worker-allowed",
];

/** An origin of its own, so that a page in the path form cannot call the server as one of its own. */
const SANDBOXED = "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads";

export interface RequestRules {
  address: PortAddress;
  /** The port in the sandbox. */
  port: number;
  /** The server's bearer token: it is nobody's in a sandbox. */
  token: string | undefined;
}

/**
 * The headers for the application. It believes that it is called as `localhost:PORT`, by a page of that origin: dev
 * servers check both against each other. X-Forwarded-Host would undo that, where they heed it; Forwarded has the name.
 */
export function requestHeaders(request: Request, rules: RequestRules): Record<string, string> {
  const { address, port } = rules;
  const { host } = new URL(address.origin);
  const headers = passedOn(request, rules);
  const { origin, referer } = headers;
  const own = `http://localhost:${port}`;
  // Before the server may be one that speaks TLS: the scheme does not count.
  if (origin?.replace(/^https?:/, "") === `//${host}`) headers["origin"] = own;
  if (referer) headers["referer"] = ownReferer(referer, `${host}${address.prefix}/`, own);
  // An HTTP client sends a body of DELETE or GET without a frame otherwise.
  if (request.body && headers["content-length"] === undefined) headers["transfer-encoding"] = "chunked";
  const scheme = headers["x-forwarded-proto"] === "https" ? "https" : "http";
  return {
    ...headers,
    host: `localhost:${port}`,
    connection: "close",
    forwarded: `host="${host}";proto=${scheme}`,
    "x-forwarded-proto": scheme,
    ...(address.prefix === "" ? {} : { "x-forwarded-prefix": address.prefix }),
  };
}

/** What the application gets as it came. */
function passedOn(request: Request, { address, token }: RequestRules): Record<string, string> {
  const dropped = new Set([...hopByHop(request.headers), ...OF_THE_WAY]);
  if (token !== undefined && request.headers.get("authorization")?.includes(token)) dropped.add("authorization");
  // Cookies know no ports: a browser would send those of everything else that runs on this host.
  if (address.prefix !== "") dropped.add("cookie");
  return Object.fromEntries([...request.headers].filter(([name]) => !dropped.has(name)));
}

/**
 * The headers for the client.
 *
 * @param raw name, value, name, value, ... as node:http gives them
 * @throws TypeError where a name or a value cannot be in a header
 */
export function responseHeaders(raw: readonly string[], { address, port }: RequestRules): Headers {
  const all = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) all.append(raw[i] ?? "", raw[i + 1] ?? "");
  for (const name of hopByHop(all)) all.delete(name);
  const location = all.get("location");
  if (location !== null) all.set("location", relocate(location, address, port));
  // The address is the key to the port: it is not for other sites.
  if (!all.has("referrer-policy")) all.set("referrer-policy", "same-origin");
  if (address.prefix === "") return withOwnCookies(all);
  for (const name of OF_THE_ORIGIN) all.delete(name);
  all.append("content-security-policy", SANDBOXED);
  return all;
}

/** The page a request came from, as the application knows it. @param page host and path of its pages */
function ownReferer(referer: string, page: string, own: string): string {
  const place = referer.replace(/^https?:\/\//, "");
  return place.startsWith(page) ? `${own}/${place.slice(page.length)}` : referer;
}

/** A redirect within the application, in the words of whoever called it. */
function relocate(location: string, { prefix }: PortAddress, port: number): string {
  const own = new RegExp(`^https?://(localhost|127\\.0\\.0\\.1|\\[::1\\]):${port}(?=[/?#]|$)`, "i");
  const path = location.replace(own, "");
  if (path === location && !/^\/(?!\/)/.test(location)) return location;
  return `${prefix}${path.startsWith("/") ? "" : "/"}${path}`;
}

/** A cookie for a parent domain would reach the ports of other sandboxes and the server. */
function withOwnCookies(headers: Headers): Headers {
  const cookies = headers.getSetCookie();
  headers.delete("set-cookie");
  for (const cookie of cookies) headers.append("set-cookie", cookie.replaceAll(/;\s*domain\s*=[^;]*/gi, ""));
  return headers;
}

function hopByHop(headers: Headers): Set<string> {
  const named = (headers.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase());
  return new Set([...HOP_BY_HOP, ...named.filter((name) => /^[\w-]+$/.test(name))]);
}
