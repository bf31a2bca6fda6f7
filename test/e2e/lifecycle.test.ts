/** How servers and their sandboxes end: by signals, by being killed, by idleness, beside other servers. */
import { expect, test } from "bun:test";
import { connectHttp, exec, shellExec, type Connected } from "../support/mcp-client.ts";
import { executable } from "../support/executable.ts";
import { plainEnvironment } from "../support/run.ts";
import { podman, until } from "../support/sandboxes.ts";
import { callTool } from "../support/tools.ts";
import { dataFolder, endAfterAll, ownContainers, serve, serveArguments } from "../support/served.ts";

endAfterAll();

const NONE = ["--pool", "0"];
const PATIENCE_MS = 40_000;

async function containersBecome(count: number, limitMs = PATIENCE_MS): Promise<void> {
  await until(`${count} containers`, async () => (await ownContainers()).length === count, limitMs);
}

/** A session with a command that runs without end; both may be lost. */
async function busySession(url: string): Promise<Connected> {
  const agent = await connectHttp(url);
  await exec(agent, "true");
  exec(agent, "sleep 600").catch(() => {});
  return agent;
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s removes every sandbox, the pool's too, in bounded time and with a quiet stdout [life.exit, cli.stdout]",
  async (signal) => {
    const served = await serve(["--pool", "2"]);
    await Promise.all([busySession(served.url), busySession(served.url)]);
    await containersBecome(4);
    expect(await served.stop(signal)).toBe(0);
    expect(await ownContainers()).toEqual([]);
    expect(served.stdout()).toBe("");
    expect(served.log()).not.toMatch(/^\s+at |internal error/m);
  },
  120_000,
);

test("the same signal twice at once, as `timeout` and npm send it, still ends it in order [life.exit]", async () => {
  const served = await serve(["--pool", "2"]);
  await containersBecome(2);
  served.kill("SIGTERM");
  served.kill("SIGTERM");
  await Bun.sleep(20);
  served.kill("SIGINT");
  expect(await served.exited).toBe(0);
  expect(await ownContainers()).toEqual([]);
}, 90_000);

test("a signal while the pool fills leaves nothing [life.exit]", async () => {
  const served = await serve(["--pool", "6"]);
  await until("the first is there", async () => (await ownContainers()).length > 0, PATIENCE_MS);
  expect(await served.stop()).toBe(0);
  expect(await ownContainers()).toEqual([]);
}, 90_000);

test("a killed server's sandbox ends by itself when its lease is over [life.lease]", async () => {
  const served = await serve([...NONE, "--lease", "5s"]);
  await busySession(served.url);
  served.kill("SIGKILL");
  expect(await served.exited).toBe(137);
  expect(await ownContainers()).toHaveLength(1);
  await containersBecome(0, 20_000);
}, 90_000);

test("the next start leaves alone what another server keeps, and removes a killed one's pool [life.sweep, own.servers]", async () => {
  const folder = dataFolder();
  const other = await serve(NONE, { dataFolder: folder });
  const neighbour = await busySession(other.url);
  const killed = await serve(["--pool", "2", "--lease", "1h"], { dataFolder: folder });
  await containersBecome(3);
  killed.kill("SIGKILL");
  await killed.exited;
  const next = await serve(NONE, { dataFolder: folder });
  await containersBecome(1);
  expect((await exec(neighbour, "echo unharmed")).output).toBe("unharmed\n");
  await next.stop();
  expect((await exec(neighbour, "echo unharmed")).output).toBe("unharmed\n");
  await other.stop();
}, 120_000);

test("an idle session ends and its sandbox goes, and the client can begin anew [life.idle, input.session]", async () => {
  const served = await serve([...NONE, "--idle-timeout", "2s"]);
  const agent = await connectHttp(served.url);
  const { sandbox } = await exec(agent, "sleep 4; echo long");
  await containersBecome(0);
  expect(await exec(agent, "true").catch(String)).toMatch(/Session not found/);
  const again = await connectHttp(served.url);
  expect((await shellExec(again, { command: "true", sandbox })).text).toMatch(/SANDBOX_GONE.*was (idle|removed)/);
  expect((await exec(again, "echo back")).output).toBe("back\n");
  await served.stop();
}, 90_000);

test("a session's sandbox outlives it for --linger, for a call with its handle [life.removed, own.handle]", async () => {
  const served = await serve([...NONE, "--linger", "2s"]);
  const [left, kept] = await Promise.all([connectHttp(served.url), connectHttp(served.url)]);
  const [, { sandbox }] = await Promise.all([exec(left, "true"), exec(kept, "echo mine > /file")]);
  await Promise.all([left.close(), kept.close()]);
  expect(await ownContainers()).toHaveLength(2);
  const later = await connectHttp(served.url);
  expect((await exec(later, "cat /file", { sandbox })).output).toBe("mine\n");
  await containersBecome(1);
  await served.stop();
}, 90_000);

test("a sandbox goes at the end of its --lifetime, and its session is told [life.lifetime]", async () => {
  const served = await serve([...NONE, "--lifetime", "2s"]);
  const agent = await connectHttp(served.url);
  const ended = await exec(agent, "echo begun; sleep 60");
  expect(ended).toMatchObject({ output: "begun\n", why: "sandbox_gone", retval: null });
  expect((await exec(agent, "echo new")).note).toContain("the one before had reached the end of its lifetime");
  await served.stop();
}, 90_000);

test("--max-sandboxes makes the error say what could be closed, and sandbox_close makes room [limit.sandboxes]", async () => {
  const served = await serve([...NONE, "--max-sandboxes", "2"]);
  const agent = await connectHttp(served.url);
  const { sandbox } = await exec(agent, "true");
  const made = await callTool(agent, "sandbox_create", { name: "second" });
  const refused = await callTool(agent, "sandbox_create");
  expect(refused.isError).toBe(true);
  expect(refused.text).toStartWith("LIMIT_REACHED: all 2 sandboxes");
  expect(refused.text).toContain(`${String(made.structured["sandbox"])} (second): `);
  expect(refused.text).toContain(sandbox);
  await callTool(agent, "sandbox_close", { sandbox: made.structured["sandbox"] });
  expect((await callTool(agent, "sandbox_create")).isError).toBe(false);
  await served.stop();
}, 90_000);

test("--max-sessions refuses politely, and a place that is free again is given [limit.sessions]", async () => {
  const served = await serve([...NONE, "--max-sessions", "2"]);
  const [one] = await Promise.all([connectHttp(served.url), connectHttp(served.url)]);
  expect(await connectHttp(served.url).catch(String)).toMatch(/all 2 sessions of this server are in use/);
  await one.close();
  const third = await connectHttp(served.url);
  expect((await exec(third, "echo in")).output).toBe("in\n");
  await served.stop();
}, 90_000);

test.each([0, 3])(
  "with --pool %i no sandbox is handed out twice [pool.once]",
  async (size) => {
    const served = await serve(["--pool", String(size)]);
    await containersBecome(size);
    const agents = await Promise.all(Array.from({ length: 5 }, () => connectHttp(served.url)));
    const results = await Promise.all(agents.map((agent) => exec(agent, "ls /taken; touch /taken")));
    expect(results.map(({ output }) => output.includes("No such file"))).toEqual(agents.map(() => true));
    expect(new Set(results.map(({ sandbox }) => sandbox)).size).toBe(5);
    await containersBecome(5 + size);
    await served.stop();
  },
  120_000,
);

test("a sandbox that died while it waited in the pool is not handed out [pool.once, own.replaced]", async () => {
  const served = await serve(["--pool", "1"]);
  await containersBecome(1);
  const [name = ""] = await ownContainers();
  await podman(["rm", "--force", "--time", "0", name]);
  const agent = await connectHttp(served.url);
  expect(await shellExec(agent, { command: "echo fine" })).toMatchObject({ isError: false });
  await served.stop();
}, 90_000);

test("a server that cannot bind its port leaves no sandbox and names the port [start.port-in-use]", async () => {
  const first = await serve(NONE);
  const { port } = new URL(first.url);
  const argv = [executable(), ...serveArguments(["--port", port])];
  const second = Bun.spawn(argv, { env: plainEnvironment(), stdio: ["ignore", "pipe", "pipe"], timeout: 30_000 });
  expect(await second.exited).toBe(5);
  expect(await second.stderr.text()).toContain(`podexec: port ${port} of 127.0.0.1 is in use\n`);
  expect(await second.stdout.text()).toBe("");
  expect(await ownContainers()).toEqual([]);
  await first.stop();
}, 60_000);
