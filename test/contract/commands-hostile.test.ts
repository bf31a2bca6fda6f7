/** What a hostile agent can say about commands: it is refused, or costs bounded time and memory. */
import { expect, test } from "bun:test";
import { Channel } from "../../src/sandbox/agent/channel.ts";
import { Commands } from "../../src/sandbox/commands/commands.ts";
import type { Connection, ConnectionHandlers, Engine } from "../../src/sandbox/engine.ts";
import { concat, encodeFrame, FrameDecoder, FrameType, type Frame } from "../../src/sandbox/agent/frames-wire.ts";

type Send = (type: number, id: bigint, payload?: Uint8Array) => void;
type Agent = (frame: Frame, send: Send) => void;

const number = (value: number | bigint, width: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.subarray(0, width);
};
const field = (tag: number, value: Uint8Array) => concat([Uint8Array.of(tag), number(value.length, 4), value]);
const hello = concat([field(1, number(1, 2)), field(3, new Uint8Array(16))]);
const listed = (kept = "") =>
  concat([
    field(1, number(1, 1)),
    field(2, number(7, 4)),
    field(3, number(0, 8)),
    ...["/bin/sh", "-lc", "sleep 1"].map((arg) => field(4, Buffer.from(arg))),
    field(5, number(50, 8)),
    ...(kept === "" ? [] : [field(6, Buffer.from(kept))]),
  ]);
const data = (offset: number, total: number, bytes = "") =>
  concat([number(offset, 8), number(total, 8), Buffer.from(bytes)]);

/** A conversation with an agent that greets and then does as it likes. */
async function meet(agent: Agent) {
  let asked = 0;
  const connect = async (_: unknown, handlers: ConnectionHandlers): Promise<Connection> => {
    const decoder = new FrameDecoder();
    const send: Send = (type, id, payload) => handlers.onData(encodeFrame(type, id, payload));
    const take = (frame: Frame) => {
      asked++;
      if (frame.type === FrameType.HELLO) send(FrameType.AGENT_HELLO, 0n, hello);
      else agent(frame, send);
    };
    const nothing = () => {};
    return {
      send: (bytes) => {
        for (const frame of decoder.push(bytes.slice())) setTimeout(() => take(frame));
        return true;
      },
      drained: async () => {},
      end: nothing,
      pause: nothing,
      resume: nothing,
      close: nothing,
    };
  };
  let lost: string | undefined;
  const channel = new Channel((reason) => (lost = reason));
  await channel.open({ connect } as unknown as Engine, { name: "hostile" }, 60_000);
  const commands = new Commands(channel, async (text) => ({ text, outOfMemory: false }));
  return { channel, commands, lost: () => lost, asked: () => asked };
}

const limits = { outputLimit: 1_000, timeoutMs: 60_000 };

test.each<[string, number, Uint8Array, (commands: Commands) => Promise<unknown>]>([
  ["commands", FrameType.LISTED, listed(), (commands) => commands.recover()],
  [
    "processes",
    FrameType.PROCESS,
    concat([field(1, number(1, 4)), field(7, Buffer.from("x".repeat(4_000)))]),
    (commands) => commands.processes(),
  ],
])("an endless list of %s ends the conversation [agent.hostile]", async (_, type, row, list) => {
  const { commands, lost } = await meet((frame, send) => {
    for (let count = 1; count < 5_000; count++) send(type, type === FrameType.LISTED ? BigInt(count) : frame.id, row);
  });
  expect(await list(commands).catch(String)).toMatch(/a list of more than/);
  expect(lost()).toContain("broke the protocol");
});

test.each<[string, Uint8Array]>([
  ["more than was asked for", data(0, 99_999, "x".repeat(99_999))],
  ["what lies beyond the output", data(0, 3, "longer")],
  ["no numbers", Uint8Array.of(1, 2, 3)],
])("an answer to READ with %s is refused [agent.hostile]", async (_, answer) => {
  const { commands } = await meet((frame, send) => {
    if (frame.type === FrameType.READ) send(FrameType.DATA, frame.id, answer);
  });
  const command = await commands.start({ command: "x", ...limits });
  const page = command.page(0, { waitMs: 0, until: "output", limit: 1_000 });
  expect(await page.catch(String)).toMatch(/DATA|broke the protocol/);
});

test("output that is pushed and never there to be read costs few questions [agent.hostile]", async () => {
  const { commands, channel, asked } = await meet((frame, send) => {
    if (frame.type === FrameType.START) send(FrameType.OUTPUT, frame.id, number(2n ** 52n, 8));
    if (frame.type === FrameType.READ) send(FrameType.DATA, frame.id, data(0, 0));
  });
  const command = await commands.start({ command: "x", ...limits });
  await Bun.sleep(20);
  expect(await command.page(0, { waitMs: 500, until: "output", limit: 1_000 })).toMatchObject({ text: "" });
  expect(asked()).toBeLessThan(200);
  channel.close();
});

test("more output than ATTACH asked for ends the conversation [agent.hostile]", async () => {
  const { commands, lost } = await meet((frame, send) => {
    if (frame.type === FrameType.READ) send(FrameType.DATA, frame.id, data(0, 0));
    if (frame.type !== FrameType.ATTACH) return;
    for (let count = 0; count < 10; count++)
      send(FrameType.OUTPUT, frame.id, concat([number(count * 1_000, 8), new Uint8Array(1_000)]));
  });
  const command = await commands.start({ command: "x", ...limits, isBackground: true });
  await command.page(0, { waitMs: 300, until: "output", limit: 1_000 });
  expect(lost()).toContain("OUTPUT exceeds what was asked for");
  expect(command.ending).toMatchObject({ why: "sandbox_gone", retval: null });
});

test.each<[string, string]>([
  ["nothing", ""],
  ["no JSON", "not json"],
  ["an array", "[]"],
  ["wrong types", '{"text":5}'],
  ["deep nesting", `{"secrets":${"[".repeat(4_000)}`],
  ["a prototype", '{"__proto__":{"text":"x"}}'],
])(
  "a record that is %s is passed over for what the agent lists [agent.hostile, command.recovered]",
  async (_, kept) => {
    const { commands, channel } = await meet((frame, send) => {
      if (frame.type !== FrameType.LIST) return;
      send(FrameType.LISTED, 5n, listed(kept));
      send(FrameType.LISTED, 0n);
    });
    await commands.recover();
    expect(commands.list()).toMatchObject([{ name: "cmd_0000000000000005", record: { text: "sleep 1", secrets: [] } }]);
    channel.close();
  },
);
