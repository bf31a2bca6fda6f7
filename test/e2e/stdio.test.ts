/** The executable over stdio, byte by byte and signal by signal. */
import { expect, test } from "bun:test";
import { executable } from "../support/executable.ts";
import { connectStdio, exec } from "../support/mcp-client.ts";
import { plainEnvironment } from "../support/run.ts";
import { until } from "../support/sandboxes.ts";
import { endAfterAll, ownContainers, serveArguments } from "../support/served.ts";

endAfterAll();

const HELLO = [
  {
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
  },
  { method: "notifications/initialized" },
];

function call(id: number, command: string) {
  return { id, method: "tools/call", params: { name: "shell_exec", arguments: { command } } };
}

/** A server whose stdout nobody interprets. */
function start(messages: readonly object[], args: readonly string[] = []) {
  const child = Bun.spawn([executable(), ...serveArguments(["--transport", "stdio", ...args])], {
    env: plainEnvironment(),
    stdio: ["pipe", "pipe", "pipe"],
    timeout: 50_000,
    killSignal: "SIGKILL",
  });
  send(child, messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join(""));
  return child;
}

function send(child: Bun.Subprocess<"pipe", "pipe", "pipe">, text: string): void {
  // What a server that has ended does not read is no failure of the test: its status is what counts.
  Promise.resolve(child.stdin.write(text))
    .then(() => child.stdin.flush())
    .catch(() => {});
}

/** A server in whose sandbox a command runs without end, and that sandbox. */
async function startBusy() {
  const child = start([...HELLO, call(2, "sleep 600")]);
  await until("it has a sandbox", async () => (await ownContainers()).length > 0, 30_000);
  return child;
}

async function expectNothingLeft() {
  expect(await ownContainers()).toEqual([]);
}

test("stdout carries the protocol and nothing else, and the log goes to stderr [stdio.clean, log.stderr]", async () => {
  const child = start([...HELLO, call(2, "echo hi; echo oops >&2; exit 3")], ["--log-level", "debug"]);
  const reader = child.stdout.getReader();
  let said = "";
  while (!said.includes('"id":2')) said += new TextDecoder().decode((await reader.read()).value);
  await child.stdin.end();
  expect(await child.exited).toBe(0);
  for (let part = await reader.read(); !part.done; part = await reader.read()) said += String(part.value);
  const messages = said
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { jsonrpc: string; id: number });
  expect(messages.map(({ jsonrpc, id }) => [jsonrpc, id])).toEqual([
    ["2.0", 1],
    ["2.0", 2],
  ]);
  await expectNothingLeft();
}, 60_000);

test("one sandbox is made, at the first call [own.session, stdio.mcp]", async () => {
  const agent = await connectStdio();
  await agent.client.listTools();
  await expectNothingLeft();
  await exec(agent, "true");
  await Bun.sleep(1000);
  expect(await ownContainers()).toHaveLength(1);
  await agent.close();
  await until("its sandbox is gone", async () => (await ownContainers()).length === 0, 30_000);
}, 60_000);

test("the end of input ends it with status 0, its command and its sandbox [stdio.mcp, life.removed]", async () => {
  const child = await startBusy();
  const begun = Date.now();
  await child.stdin.end();
  expect(await child.exited).toBe(0);
  expect(Date.now() - begun).toBeLessThan(10_000);
  await expectNothingLeft();
}, 60_000);

test("a client that reads no more ends it too, without a stack trace [stdio.mcp, life.removed]", async () => {
  const child = await startBusy();
  await child.stdout.cancel();
  send(child, `${JSON.stringify({ jsonrpc: "2.0", id: 3, method: "tools/list" })}\n`);
  expect(await child.exited).toBe(0);
  expect(await child.stderr.text()).not.toMatch(/^\s+at /m);
  await expectNothingLeft();
}, 60_000);

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends it in order while a command runs [life.exit, cli.signals]",
  async (signal) => {
    const child = await startBusy();
    const begun = Date.now();
    child.kill(signal);
    expect(await child.exited).toBe(0);
    expect(Date.now() - begun).toBeLessThan(10_000);
    await expectNothingLeft();
  },
  60_000,
);

test("lines that are no JSON-RPC do not stop it [input.json, input.isolated]", async () => {
  const child = start(HELLO);
  send(child, 'not json\n{"jsonrpc":"2.0"}\n[]\n\n{"jsonrpc":"1.0","id":7,"method":"x"}\n');
  send(child, `${JSON.stringify({ jsonrpc: "2.0", id: 9, method: "ping" })}\n`);
  let said = "";
  for await (const chunk of child.stdout) {
    said += new TextDecoder().decode(chunk);
    if (said.includes('"id":9')) break;
  }
  expect(said).toContain('{"result":{},"jsonrpc":"2.0","id":9}');
  await child.stdin.end();
  expect(await child.exited).toBe(0);
}, 60_000);
