/** Sandboxes whose agent is hostile: whatever it sends ends its own sandbox, with a reason, and nothing else. */
import { afterAll, describe, expect, test } from "bun:test";
import type { Connection, ConnectionHandlers } from "../../src/sandbox/engine.ts";
import { concat, encodeFrame, FrameDecoder, FrameType, type Frame } from "../../src/sandbox/agent/frames-wire.ts";
import { HostEngine } from "../support/host-engine.ts";
import { answerOf, begin, call, of, openApp, request } from "../support/mcp-app.ts";

type Agent = (frame: Frame, send: (...parts: Uint8Array[]) => void, close: () => void) => void;

const bytes = (...values: number[]) => new Uint8Array(values);
const number = (value: number | bigint, width: 2 | 4 | 8) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(value), true);
  return new Uint8Array(view.buffer, 0, width);
};
const field = (tag: number, value: Uint8Array) => concat([bytes(tag), number(value.length, 4), value]);
const hello = (version = 1) => concat([field(1, number(version, 2)), field(3, new Uint8Array(16))]);
const greeting = (version?: number) => encodeFrame(FrameType.AGENT_HELLO, 0n, hello(version));
const output = (id: bigint, offset: number | bigint, data: Uint8Array) =>
  encodeFrame(FrameType.OUTPUT, id, concat([number(offset, 8), data]));
const exited = (id: bigint, { why = 1, status = 0, total = 0n, extra = bytes() } = {}) =>
  encodeFrame(
    FrameType.EXITED,
    id,
    concat([
      field(1, bytes(why)),
      field(2, number(status, 4)),
      field(3, number(total, 8)),
      field(4, number(5, 8)),
      extra,
    ]),
  );

/** Behaves until it is asked for a command, then as it likes. */
const onStart =
  (act: (id: bigint, send: (...parts: Uint8Array[]) => void, close: () => void) => void): Agent =>
  (frame, send, close) => {
    if (frame.type === FrameType.HELLO) send(greeting());
    if (frame.type === FrameType.START) act(frame.id, send, close);
  };

/** The first sandbox has the hostile agent, the others are real. */
class HostileEngine extends HostEngine {
  readonly #agent: Agent;
  #isFirst = true;
  constructor(agent: Agent) {
    super();
    this.#agent = agent;
  }
  override async connect(ref: { name: string }, handlers: ConnectionHandlers): Promise<Connection> {
    if (!this.#isFirst) return super.connect(ref, handlers);
    this.#isFirst = false;
    const decoder = new FrameDecoder();
    let isOpen = true;
    const close = () => {
      if (isOpen) handlers.onClose();
      isOpen = false;
    };
    const send = (...parts: Uint8Array[]) => parts.forEach((part) => isOpen && handlers.onData(part));
    const take = (sent: Uint8Array) =>
      decoder.push(sent).forEach((frame) => setTimeout(() => isOpen && this.#agent(frame, send, close)));
    return {
      send(sent) {
        take(sent);
        return true;
      },
      drained: async () => {},
      end() {},
      pause() {},
      resume() {},
      close,
    };
  }
}

const opened: { close(): Promise<void> }[] = [];
afterAll(() => Promise.all(opened.map((each) => each.close())));

/** What a first call answers whose sandbox has this agent; another session and the next call have to work. */
async function meet(agent: Agent) {
  const engine = new HostileEngine(agent);
  const app = openApp({ engine, outputBytes: 1000 });
  opened.push(app, engine);
  const [session, other] = [await begin(app), await begin(app)];
  const ask = async (id: number, of_: string, command: string) =>
    (await answerOf(await app.fetch(request(call(id, { command, timeout_ms: 100 }), of(of_))))).result;
  const met = await ask(1, session, "first");
  expect((await ask(1, other, "echo other"))?.structuredContent).toMatchObject({ output: "other\n" });
  const next = await ask(2, session, "echo next");
  if (met?.isError) expect(next?.structuredContent).toMatchObject({ output: "next\n", why: "exited" });
  return { result: met, text: met?.content[0]?.type === "text" ? met.content[0].text : "" };
}

describe.concurrent("an agent that breaks the protocol before it greets", () => {
  test.each<[string, Agent, RegExp]>([
    ["sends garbage", (_, send) => send(new Uint8Array(64).fill(0xff)), /frame length 4294967295 exceeds/],
    ["sends a huge frame", (_, send) => send(concat([number(1 << 30, 4), new Uint8Array(12)])), /exceeds 262144/],
    ["greets with nonsense", (_, send) => send(encodeFrame(FrameType.AGENT_HELLO, 0n, bytes(1, 2, 3))), /HELLO/],
    ["speaks another version", (_, send) => send(greeting(99)), /protocol 99/],
    ["hangs up", (_frame, _send, close) => close(), /connection to its agent ended/],
  ])("%s: the call fails at once with the reason [agent.hostile]", async (_, agent, reason) => {
    const startedAt = performance.now();
    const { result, text } = await meet(agent);
    expect(result?.isError).toBe(true);
    expect(text).toMatch(reason);
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  test("never greets: the call fails in bounded time [agent.hostile]", async () => {
    const { result, text } = await meet(() => {});
    expect(result?.isError).toBe(true);
    expect(text).toMatch(/AGENT_PROTOCOL: the agent of podexec-\w+ does not answer/);
  }, 20_000);
});

describe.concurrent("an agent that breaks the protocol while a command runs", () => {
  const flood = (id: bigint, send: (part: Uint8Array) => void) => {
    for (let piece = 0; piece < 2_000; piece++) send(output(id, piece * 200_000, new Uint8Array(200_000)));
  };
  test.each<[string, Agent, RegExp]>([
    ["floods output beyond what was asked", onStart(flood), /OUTPUT exceeds what was asked for/],
    ["sends an offset beyond numbers", onStart((id, send) => send(output(id, 2n ** 60n, bytes(1)))), /OUTPUT offset/],
    ["ends for no known reason", onStart((id, send) => send(exited(id, { why: 99 }))), /EXITED why is unknown/],
    ["cuts a field short", onStart((id, send) => send(exited(id, { extra: bytes(9, 255, 0, 0, 0) }))), /longer than/],
    ["acknowledges nonsense", onStart((id, send) => send(encodeFrame(FrameType.INPUT_ACK, id, bytes(1)))), /INPUT_ACK/],
    ["hangs up, and another one answers", onStart((_id, _send, close) => close()), /another agent is in its place/],
  ])("%s: the result says so and owns up to not knowing the status [agent.hostile]", async (_, agent, reason) => {
    const { result, text } = await meet(agent);
    expect(result).toMatchObject({ isError: true, structuredContent: { retval: null, why: "sandbox_gone" } });
    expect(text).toMatch(reason);
  });

  test("says twice that a command has ended: the first word holds [agent.hostile]", async () => {
    const twice = onStart((id, send) =>
      send(concat([exited(id, { status: 4 }), exited(id, { status: 5 })]), exited(id)),
    );
    expect((await meet(twice)).result?.structuredContent).toMatchObject({ retval: 4, why: "exited" });
  });

  test("never says that a command has ended: the call fails in bounded time [agent.hostile]", async () => {
    const { result, text } = await meet(onStart(() => {}));
    expect(result?.isError).toBe(true);
    expect(text).toMatch(/AGENT_PROTOCOL: the sandbox does not answer any more/);
  }, 30_000);

  test.each([
    ["no error number", { why: 5 }],
    ["an error number that cannot be", { why: 5, status: 4_294_967_295 }],
    ["a signal that cannot be", { why: 2, status: 4_000_000_000 }],
    ["more output than there can be", { total: 2n ** 53n - 1n }],
  ])("tells of an end with %s: it is a result all the same [agent.hostile]", async (_, end) => {
    const { result } = await meet(onStart((id, send) => send(exited(id, end))));
    expect(result?.structuredContent).toMatchObject({ why: expect.any(String), retval: expect.any(Number) });
  });

  test("answers for commands that are not its own: nobody hears it [agent.hostile]", async () => {
    const stray = onStart((id, send) => send(output(id + 1n, 0, bytes(65)), exited(id ^ 7n), exited(id)));
    expect((await meet(stray)).result?.structuredContent).toMatchObject({ output: "", retval: 0 });
  });
});
