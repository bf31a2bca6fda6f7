/** The two forms of an exposed port's address: `http://<token>.localhost:PORT/...` and `http://HOST:PORT/p/<token>/...`. */

export interface PortAddress {
  token: string;
  /** What stands before the application's own path: empty in the host form. */
  prefix: string;
  /** The application's path with its query, beginning with a slash; empty where the path form lacks its last slash. */
  path: string;
  /** The Host header without the token's label: what the gates judge. */
  host: string;
  /** The origin of a page at this address. */
  origin: string;
}

const PREFIX = "/p/";
/** As `Ports` makes them: a label of a host name. */
const TOKEN = /^[0-9a-f]{40}$/;

/**
 * What a request asks of which exposed port.
 *
 * @returns undefined where it is none for a port
 */
export function portAddress(request: Request): PortAddress | undefined {
  const { pathname, search, protocol } = new URL(request.url);
  const host = request.headers.get("host") ?? "";
  const origin = `${protocol}//${host}`;
  const dot = host.indexOf(".");
  const label = host.slice(0, Math.max(0, dot)).toLowerCase();
  if (TOKEN.test(label)) {
    return { token: label, prefix: "", path: `${pathname}${search}`, host: host.slice(dot + 1), origin };
  }
  if (!pathname.startsWith(PREFIX)) return undefined;
  const end = pathname.indexOf("/", PREFIX.length);
  const token = pathname.slice(PREFIX.length, end < 0 ? undefined : end);
  const path = end < 0 ? "" : `${pathname.slice(end)}${search}`;
  return { token, prefix: `${PREFIX}${token}`, path, host, origin };
}

/** Whether a request is for an exposed port, and none of the server's own. */
export function isPortRequest(request: Request): boolean {
  return portAddress(request) !== undefined;
}
