/** MCP over standard streams: a process as a client starts it, and how it ends. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { call, initialize, type Event } from "../support/mcp-app.ts";
import { envelope, MODERN } from "../support/mcp-modern.ts";
import { until } from "../support/sandboxes.ts";

const SCRIPT = join(import.meta.dir, "../support/mcp-app.ts");

function start() {
  const server = Bun.spawn([process.execPath, SCRIPT], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const say = (message: unknown) => {
    const text = typeof message === "string" ? message : `${JSON.stringify(message)}\n`;
    // A server that has ended meanwhile is what some tests wait for.
    void Promise.resolve(server.stdin.write(text)).catch(() => {});
    void Promise.resolve(server.stdin.flush()).catch(() => {});
  };
  const reader = server.stdout.getReader();
  let text = "";
  /** The message with that id, however much else comes before it. */
  const hear = async (id: unknown) => {
    for (;;) {
      const lines = text.split("\n").slice(0, -1);
      const found = lines.map((line) => JSON.parse(line)).find((message) => message.id === id);
      if (found) return found;
      const { done, value } = await reader.read();
      if (done) throw new Error("the server ended");
      text += new TextDecoder().decode(value);
    }
  };
  /** Everything so far. */
  const heard = () =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event["message"]);
  return { server, say, hear, heard, reader };
}

async function begun() {
  const started = start();
  started.say(initialize(1));
  await started.hear(1);
  return started;
}

test("it answers over the streams, and the end of input ends it in order [stdio.mcp]", async () => {
  const { server, say, hear } = await begun();
  say(call(2, { command: "echo over stdio" }));
  expect(await hear(2)).toMatchObject({ result: { structuredContent: { output: "over stdio\n" } } });
  say(call(3, { command: "sleep 5" }));
  await server.stdin.end();
  expect(await server.exited).toBe(0);
  expect(await new Response(server.stderr).text()).toBe("ended in order\n");
}, 20_000);

test("a line that is no message is answered with its error, and the next one is heard [stdio.refusal, input.json, stdio.clean]", async () => {
  const { server, say, hear, heard } = await begun();
  const lines: [string, number, unknown][] = [
    ["{", -32700, null],
    ["\u0000\ufffd", -32700, null],
    ["null", -32600, null],
    ["[]", -32600, null],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, null],
    ['{"jsonrpc":"2.0"}', -32600, null],
    ['{"jsonrpc":"1.0","id":"mine","method":"ping"}', -32600, "mine"],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, null],
  ];
  for (const [line] of lines) say(`${line}\n\n`);
  say(call(4, { command: "echo on" }));
  expect(await hear(4)).toMatchObject({ result: { structuredContent: { output: "on\n" } } });
  const refused = heard().filter(({ error }) => error);
  expect(refused.map(({ id, error }) => [error?.code, id])).toEqual(lines.map(([, code, id]) => [code, id]));
  await server.stdin.end();
  expect(await server.exited).toBe(0);
}, 20_000);

test("a request with the id 0 can be cancelled, and its whole tree ends without an answer [end.cancel]", async () => {
  const { server, say, hear, heard } = await begun();
  const processes = () => Bun.spawnSync(["pgrep", "-f", "^sleep 31301$"]).stdout.toString().split("\n").length - 1;
  say(call(0, { command: "setsid sleep 31301 & sleep 31301" }));
  await until("it runs", () => processes() === 2);
  say({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 0 } });
  await until("its processes are gone", () => processes() === 0);
  say({ jsonrpc: "2.0", id: 1, method: "ping" });
  await hear(1);
  expect(heard().filter(({ id }) => id === 0)).toEqual([]);
  await server.stdin.end();
  expect(await server.exited).toBe(0);
}, 20_000);

describe("a client of the second version of the SDK over stdio", () => {
  test.each([["legacy"], ["auto"], [{ pin: MODERN }]] as const)(
    "in mode %p works, and stays in its one sandbox [era.both, stdio.mcp]",
    async (mode) => {
      const transport = new StdioClientTransport({ command: process.execPath, args: [SCRIPT], stderr: "ignore" });
      const client = new Client({ name: "test", version: "0" }, { versionNegotiation: { mode } });
      await client.connect(transport);
      expect(client.getNegotiatedProtocolVersion()).toBe(mode === "legacy" ? "2025-11-25" : MODERN);
      const run = async (command: string) =>
        (await client.callTool({ name: "shell_exec", arguments: { command } })).structuredContent as Record<
          string,
          unknown
        >;
      const first = await run("echo $PPID");
      expect(await run("echo $PPID")).toMatchObject({ sandbox: first["sandbox"], retval: 0 });
      await client.close();
    },
    20_000,
  );

  test("hears of changed files, and of no more when it stops to listen [era.listen, stdio.mcp]", async () => {
    const transport = new StdioClientTransport({ command: process.execPath, args: [SCRIPT], stderr: "ignore" });
    const client = new Client({ name: "test", version: "0" }, { versionNegotiation: { mode: { pin: MODERN } } });
    await client.connect(transport);
    const folder = mkdtempSync(join(tmpdir(), "podexec-stdio-"));
    const file = join(folder, "file");
    writeFileSync(file, "0");
    const { structuredContent } = await client.callTool({ name: "shell_exec", arguments: { command: "true" } });
    const uri = `sandbox://${(structuredContent as { sandbox: string }).sandbox}${file}`;
    const heard: string[] = [];
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.push(params.uri));
    const listening = await client.listen({ resourceSubscriptions: [uri] });
    writeFileSync(file, "1");
    await until("the change is told", () => heard.includes(uri));
    await listening.close();
    await Bun.sleep(400);
    const told = heard.length;
    writeFileSync(file, "2");
    await Bun.sleep(400);
    expect(heard.length).toBe(told);
    await client.close();
    rmSync(folder, { recursive: true });
  }, 20_000);

  test("may ask what there is and begin with initialize then; a modern one may not go back [era.rules]", async () => {
    const { server, say, hear } = start();
    const discover = { jsonrpc: "2.0", id: "d", method: "server/discover", params: { _meta: envelope() } };
    say(discover);
    expect(await hear("d")).toMatchObject({ result: { supportedVersions: [MODERN] } });
    say(initialize("i"));
    expect(await hear("i")).toMatchObject({ result: { protocolVersion: "2025-11-25" } });
    await server.stdin.end();
    const other = start();
    other.say({ jsonrpc: "2.0", id: "l", method: "tools/list", params: { _meta: envelope() } });
    expect(await other.hear("l")).toMatchObject({ result: { resultType: "complete" } });
    other.say(initialize("i"));
    expect(await other.hear("i")).toMatchObject({ error: { code: -32022, data: { supported: [MODERN] } } });
    await other.server.stdin.end();
    expect([await server.exited, await other.server.exited]).toEqual([0, 0]);
  }, 20_000);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends it in order, with a command running [life.exit]",
  async (signal) => {
    const { server, say, hear } = await begun();
    say(call(5, { command: "echo begun; sleep 5" }, { progressToken: 5 }));
    say({ jsonrpc: "2.0", id: 6, method: "ping" });
    await hear(6);
    server.kill(signal);
    expect(await server.exited).toBe(0);
    expect(await new Response(server.stderr).text()).toBe("ended in order\n");
  },
  20_000,
);

test("a reader that is gone ends it in order, not with a crash [stdio.mcp]", async () => {
  const { server, say, reader } = await begun();
  await reader.cancel();
  for (let id = 7; id < 10; id++) {
    say({ jsonrpc: "2.0", id, method: "ping" });
    await Bun.sleep(50);
  }
  expect(await server.exited).toBe(0);
  expect(await new Response(server.stderr).text()).toBe("ended in order\n");
}, 20_000);

test("a line without an end is refused before it fills the memory [input.body]", async () => {
  const { server, say } = await begun();
  for (let part = 0; part < 12; part++) say("x".repeat(1024 * 1024));
  expect(await server.exited).toBe(0);
  expect(await new Response(server.stderr).text()).toBe("ended in order\n");
}, 20_000);
