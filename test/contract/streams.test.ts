/** Connections with a purpose: how a refusal is told, and many at once. */
import { afterAll, expect, test } from "bun:test";
import type { Connection, ConnectionHandlers, Engine } from "../../src/sandbox/engine.ts";
import type { Purpose } from "../../src/sandbox/agent/frames-requests.ts";
import { concat, encodeFrame, FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { Sandbox } from "../../src/sandbox/sandbox.ts";
import { openStream } from "../../src/sandbox/agent/stream.ts";
import { HostEngine } from "../support/host-engine.ts";
import { descendantsOf, isRunning } from "../support/process-tree.ts";
import { run, spec, until } from "../support/sandboxes.ts";

const engine = new HostEngine();
afterAll(() => engine.close());
const nobody = { onData() {}, onClose() {} };

/** An engine whose agent refuses every connection. */
function refusing(code: string): Engine {
  const field = (tag: number, text: string) => concat([Uint8Array.of(tag, text.length, 0, 0, 0), Buffer.from(text)]);
  const error = encodeFrame(FrameType.AGENT_ERROR, 0n, concat([field(1, code), field(2, "why not")]));
  const connect = async (_: unknown, handlers: ConnectionHandlers) => {
    const answer = () => (handlers.onData(error), handlers.onClose());
    const rest = { drained: async () => {}, end() {}, pause() {}, resume() {}, close() {} };
    return { send: () => (setTimeout(answer), true), ...rest };
  };
  return { connect } as unknown as Engine;
}

test.each<[string, Exclude<Purpose, { to: "control" }>, string]>([
  ["start", { to: "port", port: 80 }, "PORT_CLOSED"],
  ["start", { to: "files" }, "FILE_ERROR"],
  ["start", { to: "watch" }, "FILE_ERROR"],
  ["busy", { to: "files" }, "SANDBOX_BUSY"],
  ["invalid", { to: "port", port: 80 }, "AGENT_PROTOCOL"],
])("a refusal `%s` of %j is %s [channel.places]", async (refusal, purpose, code) => {
  const opening = openStream(refusing(refusal), { name: "one" }, purpose, nobody);
  expect(opening).rejects.toMatchObject({ code, message: expect.stringContaining("why not") });
});

test("of many connections at once each is opened or told that there are too many [channel.places]", async () => {
  const sandbox = await Sandbox.create(engine, spec);
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const open = () => sandbox.open({ to: "port", port: server.port }, nobody);
  for (let round = 0; round < 3; round++) {
    const settled = await Promise.allSettled(Array.from({ length: 200 }, open));
    const opened: Connection[] = [];
    for (const one of settled) if (one.status === "fulfilled") opened.push(one.value);
    const refused = settled.flatMap((one) => (one.status === "rejected" ? [one.reason.code] : []));
    expect(new Set(refused)).toEqual(new Set(["SANDBOX_BUSY"]));
    expect(opened.length).toBe(64);
    for (const connection of opened) connection.close();
    const close = (one: Connection) => (one.close(), true);
    const isFree = () => open().then(close, () => false);
    await until("there is room again", isFree);
    await Bun.sleep(300);
  }
  expect(await run(sandbox, "echo fine")).toMatchObject({ output: "fine\n" });
  await sandbox.remove();
  server.stop(true);
}, 60_000);

test("the end of a sandbox of the engine for tests ends what runs in it, as that of a container does [engine.contract]", async () => {
  const sandbox = await Sandbox.create(engine, spec);
  const before = descendantsOf(process.pid);
  const command = await sandbox.commands.start({ command: "setsid sleep 61 & sleep 62", outputLimit: 100 });
  await command.untilBegun({ waitMs: 5_000 });
  await until("they run", () => descendantsOf(process.pid).length >= before.length + 3);
  const started = descendantsOf(process.pid).filter((pid) => !before.includes(pid));
  await sandbox.remove();
  await until("they have ended", () => !started.some(isRunning), 2_000);
});
