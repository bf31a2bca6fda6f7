/** A server that connects to a sandbox in which another one has started commands. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Channel } from "../../src/sandbox/agent/channel.ts";
import { Commands } from "../../src/sandbox/commands/commands.ts";
import { HostEngine } from "../support/host-engine.ts";

const engine = new HostEngine();
const spec = { image: "host", network: "none", memory: 1, cpus: 1, pids: 1, env: {}, leaseMs: 30_000 } as const;
const channels: Channel[] = [];
let ref: { name: string };
beforeAll(async () => {
  ref = await engine.create(spec, "podexec-recovered");
});
afterAll(async () => {
  for (const channel of channels) channel.close();
  await engine.close();
});

/** The commands as a server sees them that connects now; the one before is gone, as after SIGKILL. */
async function connect(): Promise<Commands> {
  for (const channel of channels.splice(0)) channel.close();
  const channel = new Channel(() => {});
  channels.push(channel);
  await channel.open(engine, ref, 30_000);
  const commands = new Commands(channel, async (text) => ({ text, outOfMemory: false }));
  await commands.recover();
  return commands;
}
const limits = { outputLimit: 10_000, timeoutMs: 60_000 };

test("it finds what runs, and reads on by cursor: each byte once [command.recovered, cursor.exact]", async () => {
  const before = await connect();
  const { name } = await before.start({
    command: "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.1; done; exit 5",
    ...limits,
  });
  const page = await before.get(name).page(0, { waitMs: 2_000, until: "output", limit: 100 });
  const after = await connect();
  expect(after.running).toBe(1);
  const command = after.get(name);
  const rest = await command.page(page.cursor, { waitMs: 5_000, until: "end", limit: 1_000 });
  expect(page.text + rest.text).toBe("line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n");
  expect(await command.outcome(1_000)).toMatchObject({ why: "exited", retval: 5, output: page.text + rest.text });
  expect(after.running).toBe(0);
});

test("it finds what has ended, with its end and its output [command.recovered]", async () => {
  const before = await connect();
  const { name } = await before.start({ command: "printf done; exit 4", ...limits });
  await before.get(name).untilEnd({ waitMs: 5_000 });
  const command = (await connect()).get(name);
  expect(command).toMatchObject({ isRunning: false, record: { text: "printf done; exit 4" } });
  expect(await command.outcome(1_000)).toMatchObject({ why: "exited", retval: 4, output: "done" });
});

test("the same idempotency key finds the same command [command.recovered, command.idempotent]", async () => {
  const request = { command: "echo $$; sleep 0.4", idempotencyKey: "key", ...limits };
  const first = await (await connect()).start(request);
  const commands = await connect();
  const again = await commands.start(request);
  expect(again.name).toBe(first.name);
  await again.untilEnd({ waitMs: 5_000 });
  expect((await again.outcome(100)).output).toMatch(/^\d+\n$/);
  expect(commands.start({ ...request, command: "echo other" })).rejects.toThrow(/idempotency_key/);
});

test("a key that only the agent knows is found there [command.idempotent]", async () => {
  const first = await connect();
  const other = new Channel(() => {});
  await other.open(engine, ref, 30_000);
  const second = new Commands(other, async (text) => ({ text, outOfMemory: false }));
  const request = { command: "sleep 0.3; echo $$", idempotencyKey: "shared", ...limits };
  const started = await first.start(request);
  const joined = await second.start(request);
  expect(joined.name).toBe(started.name);
  await joined.untilEnd({ waitMs: 5_000 });
  expect((await joined.outcome(100)).output).toMatch(/^\d+\n$/);
  other.close();
});

test("secrets stay masked, those of the sandbox as well [secrets.survive]", async () => {
  const before = await connect();
  before.hide(["of-the-server"]);
  const key = `-----BEGIN${"k".repeat(7_000)}`;
  const env = { KEY: key, TOKEN: "hunter2-hunter2" };
  const command = "echo $TOKEN of-the-server; echo $KEY; echo end";
  const { name } = await before.start({ command, env, secrets: Object.values(env), ...limits });
  await before.get(name).untilEnd({ waitMs: 5_000 });
  const after = await connect();
  expect((await after.get(name).outcome(10_000)).output).toBe("*** ***\n***\nend\n");
});

test("input goes on, and the whole tree is ended [command.recovered, command.kill]", async () => {
  const { name } = await (
    await connect()
  ).start({ command: "sleep 501 & cat", isInputOpen: true, stdin: "one\n", ...limits });
  await Bun.sleep(100);
  const command = (await connect()).get(name);
  await command.link.input(Buffer.from("two\n"));
  await command.page(4, { waitMs: 2_000, until: "output", limit: 100 });
  expect((await command.page(0, { waitMs: 0, until: "output", limit: 100 })).text).toBe("one\ntwo\n");
  expect(await command.kill("killed")).toMatchObject({ killed: 3, survivors: 0 });
});

test("an end that another connection was told of is found out all the same [command.wait]", async () => {
  const first = await connect();
  const { name } = await first.start({ command: "sleep 1; echo over; exit 6", ...limits });
  const thief = new Channel(() => {});
  await thief.open(engine, ref, 30_000);
  await new Commands(thief, async (text) => ({ text, outOfMemory: false })).recover();
  const command = first.get(name);
  expect(await command.untilEnd({ waitMs: 5_500 })).toBe(true);
  expect(await command.outcome(100)).toMatchObject({ why: "exited", retval: 6, output: "over\n" });
  thief.close();
}, 15_000);

test("several calls at once with a key that only the agent knows all get its command [command.idempotent]", async () => {
  const first = await connect();
  const other = new Channel(() => {});
  await other.open(engine, ref, 30_000);
  const second = new Commands(other, async (text) => ({ text, outOfMemory: false }));
  const request = { command: "sleep 0.3; echo $$", idempotencyKey: "shared by many", ...limits };
  const started = await first.start(request);
  const calls = [request, request, request, { ...request, command: "echo other" }].map((each) => second.start(each));
  const ended = await Promise.allSettled(calls);
  expect(ended.map((call) => (call.status === "fulfilled" ? call.value.name : call.reason.code))).toEqual([
    ...Array.from({ length: 3 }, () => started.name),
    "INVALID_PARAMS",
  ]);
  other.close();
});

test("a cursor beyond the output is refused, and not taken for its end [cursor.exact]", async () => {
  const commands = await connect();
  const command = await commands.start({ command: "printf 12345", ...limits });
  await command.untilEnd({ waitMs: 5_000 });
  const page = (cursor: number) => command.page(cursor, { waitMs: 0, until: "end", limit: 100 });
  expect(await page(5)).toMatchObject({ text: "", cursor: 5, total: 5 });
  for (const cursor of [6, Number.MAX_SAFE_INTEGER]) {
    const refused = await page(cursor).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "INVALID_PARAMS", message: expect.stringContaining("which has 5 bytes") });
  }
});
