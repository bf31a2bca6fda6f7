/** Sandboxes outlive their server: killed, stopped to keep them, beside another one. */
import { expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectHttp, exec, shellExec } from "../support/mcp-client.ts";
import { executable } from "../support/executable.ts";
import { run } from "../support/run.ts";
import { until } from "../support/sandboxes.ts";
import { callTool } from "../support/tools.ts";
import { dataFolder, endAfterAll, ownContainers, serve, serveArguments } from "../support/served.ts";

endAfterAll();

const NONE = ["--pool", "0"];
/** Writes a line ten times a second, as long as it runs. */
const TICKING = "i=0; while :; do i=$((i+1)); echo $i >> /ticks; sleep 0.1; done";

async function killed(args = NONE, folder = dataFolder()) {
  const served = await serve(args, { dataFolder: folder });
  return { served, folder, port: new URL(served.url).port };
}

test("after SIGKILL a server on the same folder finds a handle's files and its running command [own.restart]", async () => {
  const { served, folder, port } = await killed(["--pool", "1"]);
  const before = await connectHttp(served.url);
  const { sandbox } = await exec(before, "echo mine > /file");
  exec(before, TICKING).catch(() => {});
  await until("it ticks", async () => (await exec(before, "cat /ticks")).retval === 0);
  served.kill("SIGKILL");
  expect(await served.exited).toBe(137);
  const next = await serve(NONE, { dataFolder: folder, port });
  expect(next.log()).toContain("took over 1 sandbox ");
  const after = await connectHttp(next.url);
  expect((await exec(after, "cat /file", { sandbox })).output).toBe("mine\n");
  const count = async () => Number((await exec(after, "tail -n 1 /ticks", { sandbox })).output);
  const seen = await count();
  await until("it ticks on", async () => (await count()) > seen);
  const { structured } = await callTool(after, "sandbox_info", { sandbox });
  expect(structured).toMatchObject({ sandbox, commands_running: 1, commands: [{ command: TICKING }] });
  await until("the pool's is gone", async () => (await ownContainers()).length === 1, 20_000);
  await next.stop();
  expect(await ownContainers()).toEqual([]);
}, 90_000);

test("with --on-stop keep SIGTERM cuts clients off and ends nothing that runs [own.restart, life.kept]", async () => {
  const { served, folder } = await killed(["--pool", "1", "--on-stop", "keep"]);
  const before = await connectHttp(served.url);
  const { sandbox } = await exec(before, "true");
  const running = exec(before, "sleep 2; echo survived > /file", {}, { timeout: 5000 }).catch(() => "cut off");
  await until("it runs", async () => (await exec(before, "pgrep -c sleep")).output === "1\n");
  expect(await served.stop()).toBe(0);
  expect(await running).toBe("cut off");
  expect(await ownContainers()).toHaveLength(1);
  const next = await serve(NONE, { dataFolder: folder });
  const after = await connectHttp(next.url);
  const read = () => exec(after, "cat /file", { sandbox });
  await until("the command has ended in order", async () => (await read()).output === "survived\n");
  await next.stop();
}, 90_000);

test("a handle is good with any server of its data folder, and with none of another [own.servers, own.foreign]", async () => {
  const { served: one, folder } = await killed();
  const [two, stranger] = await Promise.all([serve(NONE, { dataFolder: folder }), serve(NONE)]);
  const [here, there, elsewhere] = await Promise.all([one, two, stranger].map(({ url }) => connectHttp(url)));
  if (!here || !there || !elsewhere) throw new Error("not connected");
  const { sandbox } = await exec(here, "echo mine > /file");
  expect((await exec(there, "cat /file", { sandbox })).output).toBe("mine\n");
  expect((await exec(here, "cat /file", { sandbox })).output).toBe("mine\n");
  expect((await shellExec(elsewhere, { command: "true", sandbox })).text).toContain("SANDBOX_UNKNOWN");
  await exec(there, "true", { sandbox });
  await one.stop();
  expect((await exec(there, "cat /file", { sandbox })).output).toBe("mine\n");
  await Promise.all([two.stop(), stranger.stop()]);
  expect(await ownContainers()).toEqual([]);
}, 90_000);

test("a server that cannot start leaves alone what it found [own.restart, start.port-in-use]", async () => {
  const { served, folder } = await killed();
  const { sandbox } = await exec(await connectHttp(served.url), "echo mine > /file");
  const other = await serve(NONE);
  served.kill("SIGKILL");
  await served.exited;
  const argv = [executable(), ...serveArguments(["--port", new URL(other.url).port, ...NONE], folder)];
  await run(argv, { status: 5 });
  const next = await serve(NONE, { dataFolder: folder });
  expect((await exec(await connectHttp(next.url), "cat /file", { sandbox })).output).toBe("mine\n");
  await Promise.all([next.stop(), other.stop()]);
}, 90_000);

test("the key of a data folder is its user's, and a broken one is named before anything listens [own.key-file]", async () => {
  const { served, folder } = await killed();
  expect(statSync(join(folder, "key")).mode & 0o777).toBe(0o600);
  await served.stop();
  writeFileSync(join(folder, "key"), "short");
  const { stderr } = await run([executable(), ...serveArguments(["--port", "0"], folder)], { status: 2 });
  expect(stderr).toContain(`podexec: ${join(folder, "key")} holds 5 bytes and not a key of 32\n  Remove it`);
}, 60_000);
