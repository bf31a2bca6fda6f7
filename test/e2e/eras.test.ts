/** Clients of both versions of the SDK, over HTTP and stdio, against the executable and real sandboxes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client, StreamableHTTPClientTransport, type VersionNegotiationOptions } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { join } from "node:path";
import { executable, ROOT } from "../support/executable.ts";
import { modern, MODERN } from "../support/mcp-modern.ts";
import { plainEnvironment } from "../support/run.ts";
import { until } from "../support/sandboxes.ts";
import { endAfterAll, ownContainers, serve, serveArguments, type Served } from "../support/served.ts";

type Mode = VersionNegotiationOptions["mode"];

let http: Served;
const open: Client[] = [];
beforeAll(async () => {
  http = await serve(["--pool", "1"]);
}, 60_000);
afterAll(() => Promise.all(open.map((client) => client.close())));
endAfterAll();

async function connect(transport: "HTTP" | "stdio", mode: Mode, url = http.url): Promise<Client> {
  const client = new Client({ name: "test", version: "0" }, { versionNegotiation: { mode: mode ?? "legacy" } });
  open.push(client);
  const stdio = { command: executable(), args: serveArguments(["--transport", "stdio"]), env: plainEnvironment() };
  await client.connect(
    transport === "HTTP"
      ? new StreamableHTTPClientTransport(new URL(url))
      : new StdioClientTransport({ ...stdio, stderr: "ignore" }),
  );
  return client;
}

interface Ran {
  output: string;
  retval: number;
  sandbox: string;
}

/** Calls a tool in a sandbox. */
async function run(
  client: Client,
  name: string,
  args: Record<string, unknown>,
): Promise<Ran & Record<string, unknown>> {
  const result = await client.callTool({ name, arguments: args }, { timeout: 50_000 });
  if (result.isError) throw new Error(JSON.stringify(result.content));
  return result.structuredContent as Ran & Record<string, unknown>;
}

const MODES: [string, Mode][] = [
  ["default", "legacy"],
  ["auto", "auto"],
  ["pinned", { pin: MODERN }],
];
const WAYS = (["HTTP", "stdio"] as const).flatMap((transport) =>
  MODES.map(([name, mode]) => [transport, name, mode] as const),
);

describe.each(WAYS)("over %s in %s mode", (transport, name, mode) => {
  test("the second SDK's client does its work [era.both, http.mcp, stdio.mcp]", async () => {
    const client = await connect(transport, mode);
    expect(client.getNegotiatedProtocolVersion()).toBe(name === "default" ? "2025-11-25" : MODERN);
    expect(client.getInstructions()).toMatch(/Debian/);
    const { sandbox } = await run(client, "shell_exec", { command: "printf 'from a command' > /workspace/a.txt" });
    expect(await run(client, "shell_exec", { command: "cat /workspace/a.txt; id -u", sandbox })).toMatchObject({
      output: "from a command0\n",
      sandbox,
    });
    await run(client, "file_write", { path: "/workspace/b.txt", content: "from a tool", sandbox });
    const uri = `sandbox://${sandbox}/workspace/b.txt`;
    expect((await client.readResource({ uri })).contents).toMatchObject([{ uri, text: "from a tool" }]);
    const listed = (await client.listResources()).resources.map((resource) => resource.uri);
    expect(listed).toContain(uri);
    const failed = await client.callTool({ name: "file_read", arguments: { path: "/no/such", sandbox } });
    expect(failed).toMatchObject({ isError: true, structuredContent: { code: "FILE_NOT_FOUND" } });
    await run(client, "sandbox_close", { sandbox });
  }, 60_000);
});

test("a client that tries out stdio with a second process makes no sandbox before its first call [own.session, era.both]", async () => {
  const before = (await ownContainers()).length;
  const client = await connect("stdio", "auto");
  await client.listTools();
  expect((await ownContainers()).length).toBe(before);
}, 30_000);

test("in any mode a call may be silent for 17 seconds and has its result [exec.progress, era.both]", async () => {
  const waiting = MODES.map(async ([, mode]) =>
    run(await connect("HTTP", mode), "shell_exec", { command: "sleep 17; echo woke up" }),
  );
  expect((await Promise.all(waiting)).map(({ output }) => output)).toEqual(MODES.map(() => "woke up\n"));
}, 40_000);

/** Calls, cuts the connection in mid-call, and waits until nothing of the command is left. */
async function callAndCut(client: Client, sandbox: string): Promise<void> {
  const count = async () =>
    Number((await run(client, "shell_exec", { command: "pgrep -cx sleep || true", sandbox })).output);
  const closing = new AbortController();
  const args = { command: "setsid sleep 300 & sleep 300", sandbox };
  const cut = client.callTool({ name: "shell_exec", arguments: args }, { signal: closing.signal }).catch(() => "cut");
  await until("it runs", async () => (await count()) === 2);
  closing.abort();
  expect(await cut).toBe("cut");
  await until("its processes are gone", async () => (await count()) === 0);
}

test("a connection that is reset in mid-call ends a modern call with its whole tree [era.cut]", async () => {
  const client = await connect("HTTP", { pin: MODERN });
  const { sandbox } = await run(client, "shell_exec", { command: "true" });
  await callAndCut(client, sandbox);
}, 60_000);

test("a listening client hears of a change in a real sandbox [era.listen, resource.watch]", async () => {
  const client = await connect("HTTP", { pin: MODERN });
  const { sandbox } = await run(client, "shell_exec", { command: "echo 0 > /workspace/watched" });
  const uri = `sandbox://${sandbox}/workspace/watched`;
  const heard: string[] = [];
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.push(params.uri));
  const listening = await client.listen({ resourceSubscriptions: [uri] });
  await run(client, "shell_exec", {
    command: "echo 1 > /workspace/new; mv /workspace/new /workspace/watched",
    sandbox,
  });
  await until("the change is told", () => heard.includes(uri));
  await listening.close();
}, 60_000);

test("Deno serves both eras too, and a closed connection ends a modern call [era.both, era.cut, exe.deno]", async () => {
  const program = [join(ROOT, "node_modules/.bin/deno"), "run", "-A", join(ROOT, "src/main.ts")];
  const deno = await serve(["--pool", "0"], { program });
  const clients = await Promise.all(MODES.map(([, mode]) => connect("HTTP", mode, deno.url)));
  const outputs = clients.map(async (client) => (await run(client, "shell_exec", { command: "echo $((6*7))" })).output);
  expect(await Promise.all(outputs)).toEqual(["42\n", "42\n", "42\n"]);
  const client = await connect("HTTP", { pin: MODERN }, deno.url);
  const { sandbox } = await run(client, "shell_exec", { command: "true" });
  await callAndCut(client, sandbox);
}, 90_000);

test("a server that stops tells whoever listens, and ends [era.listen, life.exit]", async () => {
  const stopping = await serve(["--pool", "0"]);
  const client = await connect("HTTP", { pin: MODERN }, stopping.url);
  const { sandbox } = await run(client, "shell_exec", { command: "true" });
  const wish = { notifications: { resourceSubscriptions: [`sandbox://${sandbox}/workspace`] } };
  const { method, headers, body } = modern("subscriptions/listen", wish);
  const init = {
    method,
    headers: [...headers].filter(([name]) => name !== "host"),
    body: await new Response(body).text(),
  };
  const response = await fetch(stopping.url, init);
  let text = "";
  const reading = (async () => {
    for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
  })();
  await until("it is acknowledged", () => text.includes("acknowledged"));
  await Bun.sleep(100);
  expect(text).not.toContain("complete");
  expect(await stopping.stop()).toBe(0);
  await reading.catch(() => {});
  expect(text).toMatch(/"id":1,"result":\{"resultType":"complete"/);
}, 60_000);
