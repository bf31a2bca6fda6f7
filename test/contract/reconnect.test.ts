/** A connection that breaks while the sandbox is alive: another one takes its place, and nobody notices. */
import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../../src/sandbox/sandbox.ts";
import { CutEngine } from "../support/cut-engine.ts";
import { run, spec, until } from "../support/sandboxes.ts";

const engine = new CutEngine();
const made: Sandbox[] = [];
afterAll(async () => {
  await Promise.all(made.map((sandbox) => sandbox.remove()));
  await engine.close();
});

async function open(leaseMs = spec.leaseMs): Promise<Sandbox> {
  const sandbox = await Sandbox.create(engine, { ...spec, leaseMs });
  made.push(sandbox);
  return sandbox;
}
const start = (sandbox: Sandbox, command: string, changes = {}) =>
  sandbox.commands.start({ command, outputLimit: 262_144, timeoutMs: 60_000, ...changes });
const file = (name: string) => join(engine.folder, name);

test("a command goes on, and whoever waits for it gets its output once [channel.resumed]", async () => {
  const sandbox = await open();
  const heard: string[] = [];
  const lines = "for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.15; done; exit 3";
  const ending = run(sandbox, lines, {}, { onOutput: (text) => heard.push(text) });
  for (const downMs of [0, 300]) {
    await Bun.sleep(250);
    engine.cut(downMs);
  }
  const output = Array.from({ length: 8 }, (_, i) => `line ${i + 1}\n`).join("");
  expect(await ending).toMatchObject({ why: "exited", retval: 3, output });
  expect(heard.join("")).toBe(output);
  expect(sandbox.gone).toBeUndefined();
}, 20_000);

test("a long output that was cut off has its head and its tail [channel.resumed]", async () => {
  const sandbox = await open();
  const ending = run(sandbox, "seq 1 2000; sleep 0.6; seq 2001 90000", { outputLimit: 10_000 });
  await Bun.sleep(300);
  engine.cut(100);
  const { output, totalBytes, truncated } = await ending;
  expect(truncated).toBe(true);
  expect(output).toStartWith("1\n2\n3\n");
  expect(output).toEndWith("\n89999\n90000\n");
  expect(totalBytes).toBe(Array.from({ length: 90_000 }, (_, i) => `${i + 1}\n`).join("").length);
}, 20_000);

test("a command whose start never arrived is started, and one that arrived is not started again [channel.start]", async () => {
  const sandbox = await open();
  engine.isDeaf = true;
  const lost = run(sandbox, "echo once >> lost; echo fine");
  engine.cut();
  expect(await lost).toMatchObject({ retval: 0, output: "fine\n" });
  const arrived = run(sandbox, "echo once >> arrived; sleep 0.3; echo fine");
  await until("it runs", () => existsSync(file("arrived")));
  engine.cut();
  const meanwhile = run(sandbox, "echo meanwhile");
  expect(await arrived).toMatchObject({ retval: 0, output: "fine\n" });
  expect(await meanwhile).toMatchObject({ output: "meanwhile\n" });
  expect((await run(sandbox, "cat lost arrived")).output).toBe("once\nonce\n");
}, 20_000);

test("input arrives whole and once, and so does what is asked meanwhile [channel.input]", async () => {
  const sandbox = await open();
  const command = await start(sandbox, "sleep 0.5; exec cat", { isInputOpen: true });
  const pieces = Array.from({ length: 400 }, (_, i) => `${i} ${"x".repeat(2_000)}\n`);
  const sends = pieces.map((piece) => command.link.input(Buffer.from(piece)));
  await Bun.sleep(100);
  engine.cut(100);
  await Bun.sleep(600);
  engine.isDeaf = true;
  const page = command.page(0, { limit: 100, until: "output", waitMs: 5_000 });
  engine.cut();
  expect((await page).text).toStartWith("0 xxx");
  await Promise.all([...sends, command.link.endInput()]);
  await command.untilEnd({ waitMs: 10_000 });
  const { totalBytes } = await command.outcome(1_000);
  expect(totalBytes).toBe(pieces.join("").length);
  expect((await command.output.raw(0, 10)).total).toBe(totalBytes);
}, 20_000);

test("an end that was asked for is one, and the list of commands is asked for again [channel.resumed]", async () => {
  const sandbox = await open();
  const command = await start(sandbox, "sleep 60");
  await command.untilBegun({ waitMs: 5_000 });
  engine.isDeaf = true;
  const killing = command.kill("killed", 100);
  const listing = sandbox.commands.recover();
  engine.cut(200);
  expect((await killing).survivors).toBe(0);
  expect([...(await listing).keys()]).toContain(command.id);
  expect(command.ending).toMatchObject({ why: "killed" });
}, 20_000);

test("signs of life go on after the break [channel.lease]", async () => {
  const sandbox = await open(1_500);
  engine.cut(200);
  await Bun.sleep(3_000);
  expect(await run(sandbox, "echo alive")).toMatchObject({ output: "alive\n" });
}, 20_000);

test("one that is dead is told as gone at once, and one that cannot be reached after a few tries [channel.gone]", async () => {
  const [dead, away] = [await open(), await open()];
  const waiting = run(dead, "sleep 60");
  await Bun.sleep(200);
  await engine.remove(dead.ref);
  const startedAt = performance.now();
  expect(await waiting).toMatchObject({ why: "sandbox_gone" });
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  const late = run(away, "sleep 60");
  await Bun.sleep(200);
  engine.cut(60_000);
  expect(await late).toMatchObject({ why: "sandbox_gone" });
  engine.downUntil = 0;
  expect(performance.now() - startedAt).toBeLessThan(15_000);
}, 30_000);

test("an agent that breaks every connection is given up [channel.gone]", async () => {
  const sandbox = await open();
  const before = engine.connections;
  const waiting = run(sandbox, "sleep 60");
  await until("it is given up", async () => (engine.cut(), await Bun.sleep(50), sandbox.gone !== undefined), 15_000);
  expect(await waiting).toMatchObject({ why: "sandbox_gone" });
  expect(engine.connections - before).toBeLessThan(12);
}, 30_000);
