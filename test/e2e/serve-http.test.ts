/** What only HTTP has: sessions, cuts, tokens. */
import { beforeAll, beforeEach, expect, test } from "bun:test";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { connectHttp, exec } from "../support/mcp-client.ts";
import { until } from "../support/sandboxes.ts";
import { endAfterAll, ownContainers, residentMiB, serve, type Served } from "../support/served.ts";

const TOKEN = "correct-horse-battery-staple";
let http: Served;

beforeAll(async () => {
  http = await serve(["--pool", "0", "--linger", "0s"]);
}, 60_000);
beforeEach(() => until("earlier sandboxes are gone", noneIsLeft, 30_000));
endAfterAll();

const MESSAGE = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

async function noneIsLeft(): Promise<boolean> {
  return (await ownContainers()).length === 0;
}

/** A wire to the server that can be cut. */
async function openWire(url: string) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connectTcp(Number(new URL(url).port), "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => [client, upstream].forEach((end) => end.destroy()));
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    close: () => server.close(),
  };
}

test("a cut connection does not end the command, and the client resumes [exec.cut]", async () => {
  const wire = await openWire(http.url);
  const agent = await connectHttp(wire.url);
  const seen: string[] = [];
  const options = { onprogress: ({ message = "" }) => seen.push(message), resetTimeoutOnProgress: true };
  const running = exec(agent, "echo begun; sleep 3; echo done", {}, options);
  await until("it runs", () => seen.join("").includes("begun"));
  wire.cut();
  expect(await running).toMatchObject({ output: "begun\ndone\n", retval: 0, why: "exited" });
  await agent.close();
  wire.close();
}, 60_000);

test("DELETE ends a session: its command ends and its container is gone [life.removed]", async () => {
  const agent = await connectHttp(http.url);
  const running = exec(agent, "sleep 600").catch(() => "ended");
  await until("it has a sandbox", async () => (await ownContainers()).length === 1, 30_000);
  await agent.close();
  expect(await running).toBe("ended");
  await until("its container is gone", noneIsLeft, 30_000);
}, 60_000);

test("an agent that just goes away keeps its sandbox, for it may come back [exec.cut]", async () => {
  const agent = await connectHttp(http.url);
  await exec(agent, "echo mine > file");
  const session = "sessionId" in agent.transport ? (agent.transport.sessionId ?? "") : "";
  await agent.client.close();
  const params = { name: "shell_exec", arguments: { command: "cat file" } };
  const headers = {
    "mcp-session-id": session,
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  const answer = await fetch(http.url, { method: "POST", headers, body });
  expect(await answer.text()).toContain('"output":"mine\\n"');
  expect((await fetch(http.url, { method: "DELETE", headers })).status).toBe(200);
  await until("its container is gone", noneIsLeft, 30_000);
}, 60_000);

test("two agents have sandboxes of their own, and a handle reaches across sessions [own.session, own.handle]", async () => {
  const [one, two] = await Promise.all([connectHttp(http.url), connectHttp(http.url)]);
  const [first, second] = await Promise.all([exec(one, "echo one > /who"), exec(two, "echo two > /who")]);
  expect(first.sandbox).not.toBe(second.sandbox);
  expect((await exec(one, "cat /who")).output).toBe("one\n");
  expect((await exec(two, "cat /who", { sandbox: first.sandbox })).output).toBe("one\n");
  expect(await ownContainers()).toHaveLength(2);
  await Promise.all([one.close(), two.close()]);
}, 60_000);

test("two gigabytes pass through while the server's memory stays flat, and the file is whole [output.flat, output.file]", async () => {
  const agent = await connectHttp(http.url);
  await exec(agent, "yes | head -c 50M");
  const before = residentMiB(http.pid);
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, residentMiB(http.pid))), 50);
  const flood = await exec(agent, "yes | head -c 2G", {}, { timeout: 100_000 });
  clearInterval(watch);
  expect(flood).toMatchObject({ total_bytes: 2 * 1024 ** 3, truncated: true, retval: 0 });
  expect(peak - before).toBeLessThan(40);
  const check = await exec(agent, `stat -c %s ${flood.output_file}; tail -c 4 ${flood.output_file}`);
  expect(check.output).toBe(`${2 * 1024 ** 3}\ny\ny\n`);
  await agent.close();
}, 120_000);

test("with a token only its bearer gets in, and the token is in no log [input.token, config.errors]", async () => {
  const env = { PODEXEC_TOKEN: TOKEN };
  const secret = await serve(["--pool", "0", "--log-level", "debug", "--env", "API_KEY=s3cr3t-value"], { env });
  expect((await fetch(secret.url, { method: "POST" })).status).toBe(401);
  expect(await connectHttp(secret.url, { authorization: "Bearer wrong" }).catch(String)).toContain(
    "the bearer token is not the one of this server",
  );
  const agent = await connectHttp(secret.url, { authorization: `Bearer ${TOKEN}` });
  expect((await exec(agent, "echo ${#API_KEY}; env | grep -c PODEXEC_TOKEN")).output).toBe("12\n0\n");
  await agent.close();
  await secret.stop();
  expect(secret.log()).not.toMatch(new RegExp(`${TOKEN}|s3cr3t-value|Bearer`));
}, 60_000);

test("beyond loopback it serves with a token, under any name [config.open]", async () => {
  const open = await serve(["--host", "0.0.0.0", "--pool", "0", "--linger", "0s"], { env: { PODEXEC_TOKEN: TOKEN } });
  const port = new URL(open.url).port;
  const url = `http://127.0.0.2:${port}/mcp`;
  expect((await fetch(url, { method: "POST" })).status).toBe(401);
  const agent = await connectHttp(url, { authorization: `Bearer ${TOKEN}` });
  expect((await exec(agent, "echo hi")).output).toBe("hi\n");
  await agent.close();
}, 60_000);

test("hostile requests are refused one by one, and others go on [input.isolated, input.session, input.origin, input.method, input.body, input.json]", async () => {
  const agent = await connectHttp(http.url);
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(http.url, { method: "POST", body, headers });
  expect((await post("{")).status).toBe(400);
  expect((await post(MESSAGE, { "mcp-session-id": "nobody" })).status).toBe(404);
  expect((await post(MESSAGE, { origin: "https://evil.example" })).status).toBe(403);
  expect((await post(MESSAGE, { host: "evil.example" })).status).toBe(403);
  expect((await fetch(http.url, { method: "PUT" })).status).toBe(405);
  expect((await post("x".repeat(4 * 1024 ** 2 + 1))).status).toBe(413);
  expect((await exec(agent, "echo unharmed")).output).toBe("unharmed\n");
  await agent.close();
}, 60_000);
