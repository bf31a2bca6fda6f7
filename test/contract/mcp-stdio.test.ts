/** MCP over standard streams: a process as a client starts it, and how it ends. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { call, initialize } from "../support/mcp-app.ts";

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
  return { server, say, hear, reader };
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

test("a line that is no message is passed over, and the next is answered [input.json, stdio.clean]", async () => {
  const { server, say, hear } = await begun();
  for (const line of ["{\n", "\n", "null\n", "[]\n", '{"jsonrpc":"2.0"}\n', "\u0000\ufffd\n"]) say(line);
  say(call(4, { command: "echo on" }));
  expect(await hear(4)).toMatchObject({ result: { structuredContent: { output: "on\n" } } });
  await server.stdin.end();
  expect(await server.exited).toBe(0);
}, 20_000);

test("SIGTERM ends it in order, with a command running [life.exit]", async () => {
  const { server, say, hear } = await begun();
  say(call(5, { command: "echo begun; sleep 5" }, { progressToken: 5 }));
  say({ jsonrpc: "2.0", id: 6, method: "ping" });
  await hear(6);
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(await new Response(server.stderr).text()).toBe("ended in order\n");
}, 20_000);

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
