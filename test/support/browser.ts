/** A real browser without a window: Chromium, driven over its DevTools protocol. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./sandboxes.ts";

const START_LIMIT_MS = 30_000;
const LISTENING = /DevTools listening on ws:\/\/([^/]+)/;

export interface Page {
  /** The value of an expression; a promise is waited for. @throws Error with what the page threw */
  evaluate(expression: string): Promise<unknown>;
  /** Waits until an expression is true. */
  until(expression: string, limitMs?: number): Promise<void>;
}

export interface Browser {
  open(url: string): Promise<Page>;
  close(): Promise<void>;
}

/** Starts Chromium with a profile of its own. */
export async function openBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), "podexec-browser-"));
  // Chromium's own sandbox needs user namespaces that this host may not have; its pages are the tests' own.
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
  const place = ["--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"];
  const program = existsSync("/usr/bin/chromium") ? "/usr/bin/chromium" : "chromium";
  const child = Bun.spawn([program, ...flags, ...place], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  void (async () => {
    for await (const chunk of child.stderr) log += new TextDecoder().decode(chunk);
  })();
  await until(`Chromium listens\n${log}`, () => LISTENING.test(log), START_LIMIT_MS);
  const host = LISTENING.exec(log)?.[1] ?? "";
  return {
    async open(url) {
      const answer = await fetch(`http://${host}/json/new?${encodeURIComponent(url)}`, { method: "PUT" });
      const { webSocketDebuggerUrl } = (await answer.json()) as { webSocketDebuggerUrl: string };
      return connect(webSocketDebuggerUrl);
    },
    async close() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

interface Evaluated {
  result?: { value?: unknown };
  exceptionDetails?: { text: string; exception?: { description?: string } };
}

async function connect(address: string): Promise<Page> {
  const socket = new WebSocket(address);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const waiting = new Map<number, (answer: Evaluated) => void>();
  let count = 0;
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: Evaluated };
    if (id !== undefined) waiting.get(id)?.(result ?? {});
  });
  const page: Page = {
    async evaluate(expression) {
      const id = ++count;
      const answered = new Promise<Evaluated>((resolve) => waiting.set(id, resolve));
      const params = { expression, awaitPromise: true, returnByValue: true };
      socket.send(JSON.stringify({ id, method: "Runtime.evaluate", params }));
      const { result, exceptionDetails } = await answered;
      waiting.delete(id);
      if (!exceptionDetails) return result?.value;
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    },
    // While a page loads there is nothing to evaluate in.
    until: (expression, limitMs = 15_000) =>
      until(expression, async () => (await page.evaluate(expression).catch(() => false)) === true, limitMs),
  };
  return page;
}
