/** `podexec sessions` on sandboxes of servers that run, that are gone, and beside containers of others. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connectHttp, exec, type Connected } from "../support/mcp-client.ts";
import { executable } from "../support/executable.ts";
import { run } from "../support/run.ts";
import { containerExists, podman, testHost, toolImage, until } from "../support/sandboxes.ts";
import { dataFolder, endAfterAll, ownContainers, serve, type Served } from "../support/served.ts";

interface Row {
  name: string;
  state: string;
  principal: string | null;
  session: string | null;
  label: string | null;
  image: string;
  created_at: string;
  server: { pid: number; alive: boolean };
}

const folder = dataFolder();
const foreign = `podexec-foreign-${process.pid}`;
let served: Served;
let agent: Connected;

beforeAll(async () => {
  served = await serve(["--pool", "1"], { dataFolder: folder });
  agent = await connectHttp(served.url);
  await exec(agent, "true");
  await until("the pool is full", async () => (await list()).length === 2, 30_000);
  const { adaptation } = await testHost();
  await podman([
    "run",
    "--detach",
    "--rm",
    ...adaptation.runArgs,
    "--network",
    "none",
    "--name",
    foreign,
    toolImage,
    "sleep",
    "600",
  ]);
}, 90_000);
afterAll(() => podman(["rm", "--force", "--ignore", "--time", "0", foreign]));
endAfterAll();

function sessions(words: string[], status = 0) {
  return run([executable(), "sessions", ...words, "--data-dir", folder], { status });
}

/** The rows of this file's servers; others may run on this Podman. */
async function list(): Promise<Row[]> {
  const own = new Set(await ownContainers());
  const rows = JSON.parse((await sessions(["list", "--json"])).stdout) as Row[];
  return rows.filter(({ name }) => own.has(name));
}

test("the JSON tells name, state, owner, server and image of each, and no handle [cli.sessions-list]", async () => {
  const rows = await list();
  expect(new Set(rows.map(({ principal }) => principal))).toEqual(new Set(["local", null]));
  expect(rows.map(({ session }) => typeof session).toSorted()).toEqual(["object", "string"]);
  expect(JSON.stringify(rows)).not.toContain("sbx_");
  for (const row of rows) {
    expect(row).toMatchObject({ state: "running", image: toolImage, server: { pid: served.pid, alive: true } });
    expect(Math.abs(Date.now() - Date.parse(row.created_at))).toBeLessThan(120_000);
  }
});

test("the table has a line for each, and none for containers of others [cli.sessions-list]", async () => {
  const { stdout } = await sessions(["list"]);
  expect(stdout).toMatch(/^NAME +STATE +PRINCIPAL +NAME\/SESSION +SERVER +AGE +IMAGE\n/);
  for (const { name, principal, session } of await list()) {
    const owner = `${principal ?? "\\(pool\\)"} +${session ?? "-"}`;
    expect(stdout).toMatch(new RegExp(`^${name} +running +${owner} +pid ${served.pid} +\\d+s +${toolImage}$`, "m"));
  }
  expect(stdout).not.toContain(foreign);
});

test("of a sandbox of another data folder it is not known whose it is [cli.sessions-list, own.note]", async () => {
  const own = await ownContainers();
  const elsewhere = await run([executable(), "sessions", "list", "--data-dir", dataFolder()], {});
  for (const name of own)
    expect(elsewhere.stdout).toMatch(new RegExp(`^${name} +running +- +- +pid ${served.pid} `, "m"));
}, 30_000);

test.each([foreign, "no-such-sandbox", "podexec-*"])(
  "killing %p is refused and nothing is touched [cli.sessions-kill]",
  async (name) => {
    const [first] = await list();
    const { stderr, stdout } = await sessions(["kill", first?.name ?? "", name], 4);
    expect(stdout).toBe("");
    expect(stderr).toContain(`no sandbox of podexec is named ${name}`);
    expect(await containerExists(foreign)).toBe(true);
    expect(await list()).toHaveLength(2);
  },
  30_000,
);

test("killing without a name is refused with status 2 [cli.sessions-kill, cli.errors]", async () => {
  expect((await sessions(["kill"], 2)).stderr).toBe(
    "podexec: nothing to kill is named\n  Give names, --orphans or --all.\n",
  );
  expect((await sessions(["kill", "--orphans", "--all"], 2)).stderr).toContain("exclude each other");
  expect(await list()).toHaveLength(2);
}, 30_000);

test("a sandbox is killed by its handle, and its agent is told at the next call [cli.sessions-kill, own.replaced]", async () => {
  const mine = (await list()).find(({ session }) => session !== null);
  const { sandbox } = await exec(agent, "true");
  const { stdout } = await sessions(["kill", sandbox, "--json"]);
  expect(JSON.parse(stdout)).toEqual({ removed: [mine?.name] });
  expect(await containerExists(mine?.name ?? "")).toBe(false);
  expect((await exec(agent, "echo fine")).note).toContain("the one before is gone");
}, 60_000);

test("--orphans kills what a killed server left, and nothing of one that runs [cli.sessions-kill]", async () => {
  const doomed = await serve(["--pool", "1", "--lease", "1h"]);
  await until("its pool is full", async () => (await list()).some(({ server }) => server.pid === doomed.pid), 30_000);
  const left = (await list()).find(({ server }) => server.pid === doomed.pid);
  doomed.kill("SIGKILL");
  await doomed.exited;
  expect((await sessions(["list"])).stdout).toMatch(new RegExp(`^${left?.name} .* gone `, "m"));
  expect((await sessions(["kill", "--orphans"])).stdout).toContain(`${left?.name}\n`);
  expect((await list()).every(({ server }) => server.pid === served.pid)).toBe(true);
  expect((await exec(agent, "echo unharmed")).output).toBe("unharmed\n");
}, 90_000);
