/** A dev server in a sandbox without a network, in a real browser, through the compiled executable. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBrowser, type Browser } from "../support/browser.ts";
import { ROOT } from "../support/executable.ts";
import { connectHttp, exec, type Connected } from "../support/mcp-client.ts";
import { endAfterAll, scratchFolder, serve, type Served } from "../support/served.ts";
import { callTool } from "../support/tools.ts";

const VITE = 5173;
const FILES: Record<string, string> = {
  "index.html": '<!doctype html><h1 id="title"></h1><script type="module" src="/main.js"></script>',
  "main.js":
    'import { title } from "./title.js";\n' +
    'const show = (text) => (document.getElementById("title").textContent = text);\n' +
    "show(title);\nwindow.loads = (window.loads ?? 0) + 1;\n" +
    'import.meta.hot.accept("./title.js", (changed) => show(changed.title));\n',
  "title.js": 'export const title = "before";\n',
  "hostile.html": "<!doctype html><p>any page</p>",
};

let served: Served;
let agent: Connected;
let browser: Browser;

beforeAll(async () => {
  const workspace = scratchFolder();
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(workspace, name), text);
  copyPackage("vite", workspace, new Set());
  cpSync(process.execPath, join(workspace, "bun"));
  served = await serve(["--network", "none", "--workspace", workspace, "--pool", "0"]);
  [agent, browser] = await Promise.all([connectHttp(served.url), openBrowser()]);
}, 60_000);

afterAll(async () => {
  await browser.close();
  await agent.close();
}, 30_000);

endAfterAll();

/** A package and all it depends on, as far as it is installed. */
function copyPackage(name: string, to: string, seen: Set<string>): void {
  const from = join(ROOT, "node_modules", name);
  if (seen.has(name)) return;
  seen.add(name);
  let manifest: { dependencies?: object; optionalDependencies?: object };
  try {
    manifest = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as typeof manifest;
  } catch {
    return;
  }
  mkdirSync(join(to, "node_modules"), { recursive: true });
  cpSync(from, join(to, "node_modules", name), { recursive: true });
  const { dependencies, optionalDependencies } = manifest;
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) copyPackage(needed, to, seen);
}

async function expose(port: number): Promise<{ url: string; path_url: string }> {
  const { structured, text } = await callTool(agent, "port_expose", { port });
  if (structured["url"] === undefined) throw new Error(text);
  return structured as { url: string; path_url: string };
}

test("vite's hot reload changes the page in the browser, without loading it again [port.browser]", async () => {
  await exec(agent, "cd /workspace && ./bun node_modules/vite/bin/vite.js > /tmp/vite.log 2>&1 &");
  const { url } = await expose(VITE);
  // The page of podexec waits for the server to start, and is vite's as soon as it has.
  const page = await browser.open(url);
  await page.until('document.getElementById("title")?.textContent === "before"', 30_000);
  await exec(agent, "sed -i s/before/after/ /workspace/title.js");
  await page.until('document.getElementById("title").textContent === "after"', 30_000);
  expect(await page.evaluate("window.loads")).toBe(1);
}, 90_000);

/** What a page tries on the server it comes from; answers the status, or that the browser did not let it read. */
const attack = (origin: string) => `(async () => {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  const init = { method: "POST", body, headers: { "Content-Type": "text/plain" } };
  const read = await fetch("${origin}/mcp", init).then((r) => r.status, () => "unreadable");
  const blind = await fetch("${origin}/mcp", { ...init, mode: "no-cors" }).then((r) => r.type, () => "failed");
  return { origin: self.origin, read, blind };
})()`;

test("a page from a sandbox is of another origin in either form, and cannot call the server [port.origin]", async () => {
  await exec(agent, "cd /workspace && python3 -m http.server 8080 --bind 127.0.0.1 > /dev/null 2>&1 &");
  const { url, path_url: path } = await expose(8080);
  const { origin } = new URL(served.url);
  for (const [address, expected] of [
    [url, new URL(url).origin],
    [path, "null"],
  ] as const) {
    const page = await browser.open(`${address}hostile.html`);
    await page.until('document.body.textContent.includes("any page")');
    const result = (await page.evaluate(attack(origin))) as { origin: string; read: unknown; blind: unknown };
    expect(result.origin).toBe(expected);
    expect(["unreadable", 403]).toContain(result.read as string);
  }
}, 60_000);

test("the server refuses the origins that such pages have [port.origin]", async () => {
  const { url } = await expose(8080);
  for (const origin of ["null", new URL(url).origin]) {
    const response = await fetch(served.url, { method: "POST", headers: { origin }, body: "{}" });
    expect(response.status).toBe(403);
  }
});
