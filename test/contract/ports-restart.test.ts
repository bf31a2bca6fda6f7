/** Exposed ports and their tools, over servers that come and go. */
import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Notes } from "../../src/sandbox/note.ts";
import { Ports } from "../../src/sandbox/ports.ts";
import { ANN, dataFolder, type Server } from "../support/registries.ts";
import { connect, openApp } from "../support/mcp-app.ts";
import { program, unusedPort } from "../support/ports.ts";
import { callTool } from "../support/tools.ts";

const folder = dataFolder();
const app = openApp();

afterAll(async () => {
  await folder.close();
  await app.close();
});

/** The ports of a server, put together as `serve` does. */
function portsOf({ registry }: Server): Ports {
  return new Ports({
    derive: (words) => folder.notes.derive(words),
    place: async () => ({ host: "127.0.0.1", port: 8000 }),
    sandboxes: () => registry.sandboxes(),
    keep: (sandbox, ports) =>
      registry
        .sandboxes()
        .find((one) => one === sandbox)
        ?.keep(folder.notes, { ports }),
  });
}

test("after a crash of the server an exposed port has its URL, and a closed one has none [port.tools]", async () => {
  const first = folder.open();
  const { sandbox } = await first.registry.acquire(ANN);
  const before = portsOf(first);
  const [kept, closed] = [before.expose(sandbox, 1234), before.expose(sandbox, 4321)];
  before.close(sandbox, 4321);
  await sandbox.run({ command: "true", timeoutMs: 5_000, outputLimit: 100 });
  folder.kill(first);
  const second = folder.open();
  await second.registry.takeOver();
  const after = portsOf(second);
  expect(after.find(kept.token)).toMatchObject({ port: 1234, sandbox: { handle: sandbox.handle } });
  expect(after.find(closed.token)).toBeUndefined();
  const again = await second.registry.acquire(ANN, sandbox.handle);
  expect(after.expose(again.sandbox, 4321).token).toBe(closed.token);
});

test("tokens differ by port, by sandbox and by data folder [port.gates]", async () => {
  const { registry } = folder.open();
  const [one, two] = await Promise.all([registry.create(ANN, {}), registry.create(ANN, {})]);
  const place = async () => ({ host: "127.0.0.1", port: 8000 });
  const [here, there] = [folder.notes, new Notes(randomBytes(32))].map((notes) => {
    return new Ports({ derive: (words) => notes.derive(words), place });
  });
  const exposed = [
    here?.expose(one.entry.sandbox, 80),
    here?.expose(one.entry.sandbox, 81),
    here?.expose(two.entry.sandbox, 80),
    there?.expose(one.entry.sandbox, 80),
  ];
  expect(new Set(exposed.map((port) => port?.token)).size).toBe(4);
});

test("the URL is one that leads to where the server listens [port.tools]", async () => {
  const { sandbox } = await folder.open().registry.acquire(ANN);
  const urlsAt = async (host: string) => {
    const ports = new Ports({ derive: (words) => folder.notes.derive(words), place: async () => ({ host, port: 80 }) });
    const exposed = ports.expose(sandbox, 1);
    const { url, pathUrl } = await ports.urlsOf(exposed);
    return [url, pathUrl].map((text) => text.replaceAll(exposed.token, "T"));
  };
  expect(await urlsAt("0.0.0.0")).toEqual(["http://T.localhost:80/", "http://127.0.0.1:80/p/T/"]);
  expect(await urlsAt("::1")).toEqual(["http://T.localhost:80/", "http://[::1]:80/p/T/"]);
  expect(await urlsAt("192.0.2.1")).toEqual(["http://192.0.2.1:80/p/T/", "http://192.0.2.1:80/p/T/"]);
});

test("port_expose tells whether something listens, port_list shows it, port_close ends it [port.tools]", async () => {
  const connected = await connect(app);
  const listening = await program(() => {});
  const silent = await unusedPort();
  const before = await callTool(connected, "port_expose", { port: listening.port });
  expect(before.structured).toMatchObject({ code: "SANDBOX_UNKNOWN" });
  await callTool(connected, "shell_exec", { command: "true" });
  const first = await callTool(connected, "port_expose", { port: listening.port });
  expect(first.structured).toMatchObject({ port: listening.port, listening: true });
  expect((await callTool(connected, "port_expose", { port: silent })).structured).toMatchObject({ listening: false });
  expect((await callTool(connected, "port_expose", { port: listening.port })).structured["url"]).toBe(
    first.structured["url"],
  );
  const listed = (await callTool(connected, "port_list")).structured["exposed"] as { port: number }[];
  expect(listed.map(({ port }) => port)).toEqual([listening.port, silent].toSorted((a, b) => a - b));
  expect((await callTool(connected, "port_close", { port: silent })).isError).toBe(false);
  const again = await callTool(connected, "port_close", { port: silent });
  expect([again.isError, again.text]).toEqual([true, expect.stringContaining("PORT_UNKNOWN: port: ")]);
  listening.close();
});

test("the tools check the port and the sandbox, with the principal [port.tools]", async () => {
  const connected = await connect(app);
  for (const port of [0, 65_536, 1.5, "80"]) {
    const { isError, text } = await callTool(connected, "port_expose", { port });
    expect([isError, text]).toEqual([true, expect.stringContaining("port: ")]);
  }
  const mine = await app.registry.create({ principal: "somebody else", session: undefined }, {});
  const sandbox = mine.entry.sandbox.handle;
  for (const tool of ["port_expose", "port_close"]) {
    expect((await callTool(connected, tool, { port: 80, sandbox })).text).toStartWith("SANDBOX_UNKNOWN");
  }
  expect((await callTool(connected, "port_list", { sandbox })).text).toStartWith("SANDBOX_UNKNOWN");
  app.ports.expose(mine.entry.sandbox, 80);
  expect((await callTool(connected, "port_list")).text).not.toContain(sandbox);
});
