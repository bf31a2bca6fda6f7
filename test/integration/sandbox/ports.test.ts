/** Ports of real sandboxes that have no network at all. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { get, openDoors, type Doors } from "../../support/ports.ts";
import { cleanUpAfterAll, openSandbox, run, until } from "../../support/sandboxes.ts";

let sandbox: Sandbox;
let doors: Doors;
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

beforeAll(async () => {
  sandbox = await openSandbox({ network: "none" });
  doors = await openDoors({}, sandbox);
}, 60_000);

afterAll(() => doors.close());

cleanUpAfterAll();

/** Starts python's web server and answers where it is exposed. */
async function serving(port: number, address: string): Promise<string> {
  await run(sandbox, `cd /tmp && python3 -m http.server ${port} --bind ${address} > /dev/null 2>&1 &`);
  const { url } = await doors.expose(port);
  await until("it listens", async () => (await get(`${url}/`, { method: "HEAD" })).status === 200);
  return url;
}

test("what listens on a loopback without a network is reachable, over IPv4 [port.isolated]", async () => {
  const url = await serving(8001, "127.0.0.1");
  await run(sandbox, "echo hello from inside > /tmp/hello");
  expect(await (await get(`${url}/hello`)).text()).toBe("hello from inside\n");
  expect((await get(`${url}/missing`)).status).toBe(404);
}, 30_000);

test("a port is exposed before anything listens, and the page says so until it does [port.errors]", async () => {
  const { url } = await doors.expose(8002);
  const response = await get(`${url}/`);
  expect([response.status, await response.text()]).toEqual([502, expect.stringContaining("refused")]);
  await serving(8002, "127.0.0.1");
}, 30_000);

test("a gigabyte passes at a good rate and takes no memory [port.stream]", async () => {
  const url = await serving(8003, "127.0.0.1");
  await run(sandbox, "truncate -s 1G /tmp/big");
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  const started = performance.now();
  const { body } = await get(`${url}/big`);
  let received = 0;
  let highest = 0;
  for await (const chunk of body ?? []) {
    received += chunk.length;
    highest = Math.max(highest, process.memoryUsage.rss() - before);
  }
  expect(received).toBe(GIB);
  expect(highest).toBeLessThan(200 * MIB);
  expect(GIB / MIB / ((performance.now() - started) / 1000)).toBeGreaterThan(100);
}, 60_000);

test("a sandbox is in use as long as a connection to its port is open [port.stream]", async () => {
  const url = await serving(8004, "127.0.0.1");
  await run(sandbox, "truncate -s 1G /tmp/big");
  const reader = (await get(`${url}/big`)).body?.getReader();
  await reader?.read();
  expect(sandbox.isBusy).toBe(true);
  await reader?.cancel();
  await until("it is idle", () => doors.ports.of(sandbox).every(({ connections }) => connections === 0));
}, 30_000);

test("the end of the sandbox ends its connections, and then the URL says why [port.errors]", async () => {
  const other = await openSandbox({ network: "none" });
  const own = await openDoors({}, other);
  await run(other, "cd /tmp && truncate -s 1G big && python3 -m http.server 8000 > /dev/null 2>&1 &");
  const { url } = await own.expose(8000);
  await until("it listens", async () => (await get(`${url}/`, { method: "HEAD" })).status === 200);
  const reading = (await get(`${url}/big`)).body?.getReader();
  await reading?.read();
  await other.remove();
  const rest = async () => {
    while (!(await reading?.read())?.done);
  };
  expect(rest()).rejects.toThrow();
  expect((await get(`${url}/`)).status).toBe(410);
  await own.close();
}, 60_000);
