/** What a client of an exposed port sees where the application does not answer. */
import { meaningOf, toPodexecError } from "../../errors.ts";

/** Without `sandbox`: a browser would not load a sandboxed page again by itself. */
const CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";
const RETRY_SECONDS = "2";

/**
 * The failure as a page for browsers and as text for others. A browser tries again by itself where waiting may help:
 * a dev server takes its time to start.
 */
export function failurePage(thrown: unknown, request: Request): Response {
  const error = toPodexecError(thrown);
  const waits = ["PORT_CLOSED", "SANDBOX_BUSY", "LIMIT_REACHED"].includes(error.code);
  const status = error.code === "LIMIT_REACHED" || error.code === "SANDBOX_BUSY" ? 503 : meaningOf(error.code).http;
  const isPage = request.headers.get("accept")?.includes("text/html") ?? false;
  const lines = [error.message, ...(error.hint ? [error.hint] : [])];
  const headers = {
    "Content-Type": `text/${isPage ? "html" : "plain"}; charset=utf-8`,
    "Content-Security-Policy": CSP,
    "Cache-Control": "no-store",
    ...(waits ? { "Retry-After": RETRY_SECONDS } : {}),
  };
  const text = isPage ? page(status, lines, waits) : `${lines.join("\n")}\n`;
  return new Response(request.method === "HEAD" ? null : text, { status, headers });
}

function page(status: number, lines: string[], waits: boolean): string {
  const retry = waits ? `<meta http-equiv="refresh" content="${RETRY_SECONDS}">` : "";
  const style = "body{font:16px system-ui;max-width:40em;margin:4em auto;padding:0 1em}";
  const said = lines.map((line) => `<p>${escaped(line)}</p>`).join("");
  const more = waits ? "<p>This page tries again by itself.</p>" : "";
  return `<!doctype html><meta charset="utf-8">${retry}<title>podexec: ${status}</title><style>${style}</style>${said}${more}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
