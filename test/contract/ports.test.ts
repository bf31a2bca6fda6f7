/** Exposed ports: HTTP through a real agent, in both forms of the address. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { IncomingHttpHeaders } from "node:http";
import { application, get, openDoors, policy, unusedPort, type Doors } from "../support/ports.ts";
import { until } from "../support/sandboxes.ts";

let doors: Doors;
let app: Awaited<ReturnType<typeof application>>;
let url: string;
let path: string;
let token: string;
let aborted = 0;

const MIB = 1024 * 1024;
const DOWNLOAD = 256 * MIB;

beforeAll(async () => {
  doors = await openDoors();
  app = await application((request, response) => {
    response.on("close", () => (aborted += response.writableFinished ? 0 : 1));
    const route = routes[new URL(request.url ?? "/", "http://x").pathname];
    if (route) return route(request, response);
    response.setHeader("set-cookie", ["a=1; Domain=localhost; Path=/", "b=2"]);
    response.setHeader("x-hop", "1").setHeader("connection", "close, x-hop");
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
  });
  ({ url, path, token } = await doors.expose(app.port));
});

afterAll(async () => {
  await doors.close();
  app.close();
});

const routes: Record<string, Parameters<typeof application>[0]> = {
  "/events"(_request, response) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    let count = 0;
    const timer = setInterval(() => response.write(`data: ${count++}\n\n`), 50);
    response.on("close", () => clearInterval(timer));
  },
  "/big"(_request, response) {
    const chunk = Buffer.alloc(MIB, 97);
    let left = DOWNLOAD / MIB;
    const more = () => {
      let hasRoom = true;
      while (hasRoom && left-- > 0) hasRoom = response.write(chunk);
      if (hasRoom) response.end();
      else response.once("drain", more);
    };
    more();
  },
  "/count"(request, response) {
    let count = 0;
    request.on("data", (bytes: Buffer) => (count += bytes.length));
    request.on("end", () => response.end(String(count)));
  },
  "/moved": (request, response) => {
    const to = new URL(request.url ?? "", "http://x").searchParams.get("to") ?? "";
    response.writeHead(302, { location: to.replace("PORT", String(app.port)) }).end();
  },
  "/quiet": (_request, response) => response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders(),
  "/hang": () => {},
  "/empty": (_request, response) => response.writeHead(204).end(),
  "/page": (_request, response) => response.writeHead(200, { "clear-site-data": '"*"' }).end("<script></script>"),
};

interface Echo {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}

async function echo(address: string, init: RequestInit = {}): Promise<Echo> {
  return (await get(address, init)).json() as Promise<Echo>;
}

test("both forms of the address reach the application with its own path [port.http]", async () => {
  expect(await echo(`${url}/a/b?c=d`)).toMatchObject({ method: "GET", url: "/a/b?c=d" });
  expect(await echo(`${path}/a/b?c=d`, { method: "PUT", body: "x" })).toMatchObject({ method: "PUT", url: "/a/b?c=d" });
  expect(token).toMatch(/^[0-9a-f]{40}$/);
  expect((await get(path)).headers.get("location")).toBe(`/p/${token}/`);
});

test("the application is called as localhost, by pages of its own origin [port.headers]", async () => {
  const page = { origin: url, referer: `${url}/from`, "x-hop": "1", connection: "x-hop" };
  const { headers } = await echo(`${url}/`, { headers: page });
  const own = `http://localhost:${app.port}`;
  expect(headers).toMatchObject({ host: `localhost:${app.port}`, origin: own, referer: `${own}/from` });
  expect(headers.forwarded).toBe(`host="${new URL(url).host}";proto=http`);
  expect(headers["x-hop"]).toBeUndefined();
  const below = await echo(`${path}/`, { headers: { origin: "https://else.example" } });
  expect(below.headers).toMatchObject({ "x-forwarded-prefix": `/p/${token}`, origin: "https://else.example" });
});

test("the server's token never reaches the application, its own credentials do [port.headers]", async () => {
  const secret = { authorization: `Bearer ${policy.token}` };
  expect((await echo(`${url}/`, { headers: secret })).headers.authorization).toBeUndefined();
  const own = await echo(`${url}/`, { headers: { authorization: "Basic eDp5" } });
  expect(own.headers.authorization).toBe("Basic eDp5");
});

test("cookies pass on a host of their own only, and for no other host [port.origin]", async () => {
  const headers = { cookie: "mine=1" };
  const onHost = await get(`${url}/`, { headers });
  expect(onHost.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2"]);
  expect(((await onHost.json()) as Echo).headers.cookie).toBe("mine=1");
  const belowPath = await get(`${path}/`, { headers });
  expect(belowPath.headers.getSetCookie()).toEqual([]);
  expect(((await belowPath.json()) as Echo).headers.cookie).toBeUndefined();
});

test("a page below a path is of no origin, and cannot touch the server's [port.origin]", async () => {
  const { headers } = await get(`${path}/page`);
  expect(headers.get("content-security-policy")).toMatch(/^sandbox (?!.*allow-same-origin)/);
  expect(headers.get("clear-site-data")).toBeNull();
  expect((await get(`${url}/page`)).headers.get("content-security-policy")).toBeNull();
});

test("redirects stay at the exposed address [port.headers]", async () => {
  const to = async (base: string, target: string) =>
    (await get(`${base}/moved?to=${encodeURIComponent(target)}`)).headers.get("location");
  expect(await to(path, "/x")).toBe(`/p/${token}/x`);
  expect(await to(path, "http://localhost:PORT/x?y")).toBe(`/p/${token}/x?y`);
  expect(await to(url, "http://127.0.0.1:PORT")).toBe("/");
  expect(await to(path, "x")).toBe("x");
  for (const elsewhere of ["https://else.example/", "//else.example/", `http://localhost:${app.port}0/`]) {
    expect(await to(path, elsewhere)).toBe(elsewhere);
  }
});

test("events come one by one, and the application hears when the reader goes [port.stream]", async () => {
  const before = aborted;
  const stop = new AbortController();
  const { body } = await get(`${url}/events`, { signal: stop.signal });
  const reader = body?.getReader();
  let text = "";
  while (!text.includes("data: 1")) text += new TextDecoder().decode((await reader?.read())?.value);
  expect(text).toBe(":\n\ndata: 0\n\ndata: 1\n\n");
  stop.abort();
  await until("the application's side is closed", () => aborted > before);
});

test("an event stream is open before its first event [port.stream]", async () => {
  const { status, body } = await get(`${url}/quiet`);
  expect(status).toBe(200);
  await body?.cancel();
});

test("what the application never answers ends with its client [port.stream]", async () => {
  const hanging = get(`${url}/hang`, { signal: AbortSignal.timeout(200) });
  expect(hanging).rejects.toThrow();
  await until("the connection is closed", () => app.connections() === 0);
});

test("a big download waits for its reader and takes no memory [port.stream]", async () => {
  const { body } = await get(`${url}/big`);
  const reader = body?.getReader();
  await reader?.read();
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  await Bun.sleep(500);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MIB);
  let received = 0;
  const response = await get(`${path}/big`);
  for await (const chunk of response.body ?? []) received += chunk.length;
  expect(received).toBe(DOWNLOAD);
  await reader?.cancel();
});

test("uploads stream, also those without a length [port.stream]", async () => {
  const chunk = new Uint8Array(MIB);
  let left = 40;
  const body = new ReadableStream({
    pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()),
  });
  const response = await get(`${url}/count`, { method: "POST", body, duplex: "half" });
  expect(await response.text()).toBe(String(40 * MIB));
});

test("answers without a body have none [port.http]", async () => {
  expect((await get(`${url}/empty`)).status).toBe(204);
  const head = await get(`${url}/`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("a body of any method arrives, and stays a body [port.http]", async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("GET /smuggled HTTP/1.1\r\n\r\n"));
      controller.close();
    },
  });
  const response = await get(`${url}/count`, { method: "DELETE", body, duplex: "half" });
  expect(await response.text()).toBe("26");
});

test("a proxy before the server may speak TLS [port.headers]", async () => {
  const { host } = new URL(url);
  const proxied = { "x-forwarded-proto": "https", origin: `https://${host}`, "x-forwarded-host": "spoofed.example" };
  const { headers } = await echo(`${url}/`, { headers: proxied });
  expect(headers).toMatchObject({ "x-forwarded-proto": "https", origin: `http://localhost:${app.port}` });
  expect(headers["x-forwarded-host"]).toBeUndefined();
});

test("an unknown token is 404 and a foreign Host is 403, in both forms [port.gates]", async () => {
  const wrong = "0".repeat(40);
  expect((await get(url.replace(token, wrong))).status).toBe(404);
  expect((await get(path.replace(token, wrong) + "/")).status).toBe(404);
  const { port } = new URL(url);
  for (const [address, host] of [
    [url, `${token}.evil.example`],
    [`${path}/`, "evil.example"],
  ] as const) {
    const response = await fetch(address.replace(/\/\/[^/]+/, `//127.0.0.1:${port}`), { headers: { host } });
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining("--allow-host")]);
  }
});

test("nothing listens yet: a page says so and comes again by itself [port.errors]", async () => {
  const unused = await doors.expose(await unusedPort());
  const page = await get(`${unused.url}/`, { headers: { accept: "text/html" } });
  expect([page.status, page.headers.get("retry-after")]).toEqual([502, "2"]);
  expect(await page.text()).toContain('http-equiv="refresh"');
  const text = await get(`${unused.url}/`, { headers: { accept: "*/*" } });
  expect([text.status, text.headers.get("content-type")]).toEqual([502, "text/plain; charset=utf-8"]);
});
