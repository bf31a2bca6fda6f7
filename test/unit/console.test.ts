/** A console's agent may say anything: it ends its own console at most. */
import { afterAll, expect, test } from "bun:test";
import { DetachKeys } from "../../src/commands/terminal.ts";
import { Console } from "../../src/sandbox/commands/console.ts";
import type { Connection, ConnectionHandlers, Engine } from "../../src/sandbox/engine.ts";
import { encodeFrame, FrameDecoder, FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { HostEngine } from "../support/host-engine.ts";
import { spec } from "../support/sandboxes.ts";

const engine = new HostEngine();
afterAll(() => engine.close());

/** An agent whose answer to each frame is made here, and what it was sent. */
function scripted(answer: (type: number, id: bigint) => Uint8Array[]) {
  const decoder = new FrameDecoder();
  const sent: number[] = [];
  const connect = async (_ref: unknown, handlers: ConnectionHandlers): Promise<Connection> => ({
    send(bytes) {
      for (const { type, id } of decoder.push(bytes)) {
        sent.push(type);
        for (const frame of answer(type, id)) queueMicrotask(() => handlers.onData(frame));
      }
      return true;
    },
    drained: () => Promise.resolve(),
    end: () => {},
    pause: () => void sent.push(-1),
    resume: () => {},
    close: () => queueMicrotask(() => handlers.onClose()),
  });
  return { engine: { connect } as unknown as Engine, sent };
}

function hello(version: number): Uint8Array {
  const field = (tag: number, bytes: number[]) => [tag, bytes.length, 0, 0, 0, ...bytes];
  const fields = [...field(1, [version, 0]), ...field(2, [97]), ...field(3, Array<number>(16).fill(1))];
  return encodeFrame(FrameType.AGENT_HELLO, 0n, Uint8Array.from(fields));
}

function output(id: bigint, offset: number, text: string): Uint8Array {
  const payload = new Uint8Array(8 + text.length);
  new DataView(payload.buffer).setBigUint64(0, BigInt(offset), true);
  payload.set(Buffer.from(text), 8);
  return encodeFrame(FrameType.OUTPUT, id, payload);
}

const open = (agent: Engine, onOutput = (_bytes: Uint8Array) => true) =>
  Console.open(agent, { name: "x" }, { leaseMs: 60_000, onOutput });

test.each([
  ["another version", hello(9)],
  ["garbage", new Uint8Array(64).fill(255)],
])("%s in place of a greeting is refused [input.isolated]", async (_what, answer) => {
  const { engine: agent } = scripted(() => [answer]);
  expect(await open(agent).catch((error: Error) => error.message)).toContain("broke the protocol");
});

test("garbage after the greeting ends the console and nothing else [input.isolated]", async () => {
  const { engine: agent } = scripted((type) => (type === FrameType.HELLO ? [hello(1)] : [new Uint8Array(99).fill(7)]));
  const console = await open(agent);
  console.start({ args: ["true"] });
  expect(await console.ended).toMatchObject({ lost: expect.stringContaining("broke the protocol") });
  await console.input(new Uint8Array(1_000_000));
});

test("output that comes twice is told once, and a pause reaches the sender [run.streams]", async () => {
  const { engine: agent, sent } = scripted((type, id) => {
    if (type === FrameType.HELLO) return [hello(1)];
    return [output(id, 0, "abcd"), output(id, 2, "cdef"), output(id + 1n, 6, "other"), output(id, 9, "j")];
  });
  const told: string[] = [];
  const console = await open(agent, (bytes) => told.push(Buffer.from(bytes).toString()) < 3);
  console.start({ args: ["true"] });
  await Bun.sleep(1);
  console.close();
  expect(told).toEqual(["abcd", "ef", "j"]);
  expect(sent).toContain(-1);
});

test("input goes in no faster than it is taken, whole [run.streams]", async () => {
  const { name } = await engine.create(spec, "podexec-0123456789ab");
  const digest: string[] = [];
  const onOutput = (bytes: Uint8Array) => digest.push(Buffer.from(bytes).toString()) > 0;
  const console = await Console.open(engine, { name }, { leaseMs: 60_000, onOutput });
  console.start({ args: ["/bin/sh", "-c", "sleep 0.2; wc -c"], stdin: true });
  await console.input(new Uint8Array(3_000_000));
  console.endInput();
  expect(await console.ended).toMatchObject({ exited: { status: 0 } });
  expect(digest.join("").trim()).toBe("3000000");
  console.close();
});

test("Ctrl-P Ctrl-Q is found wherever the keys are cut, and a Ctrl-P alone passes [attach.left]", () => {
  const keys = new DetachKeys();
  const push = (text: string) => {
    const { bytes, detach } = keys.push(Buffer.from(text));
    return [Buffer.from(bytes).toString(), detach];
  };
  expect(push("a\x10b")).toEqual(["a\x10b", false]);
  expect(push("c\x10")).toEqual(["c", false]);
  expect(push("\x10x\x11")).toEqual(["\x10\x10x\x11", false]);
  expect(push("\x10")).toEqual(["", false]);
  expect(Buffer.from(keys.flush()).toString()).toBe("\x10");
  expect(push("\x11d\x10")).toEqual(["\x11d", false]);
  expect(push("\x11e")).toEqual(["", true]);
});
