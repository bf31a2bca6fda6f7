import { describe, expect, test } from "bun:test";
import { decodeError } from "../../src/sandbox/agent/frames-answers.ts";
import { encodeHello, encodeKill, encodeStart } from "../../src/sandbox/agent/frames-requests.ts";
import { concat, encodeFrame, FrameType, MAX_PAYLOAD } from "../../src/sandbox/agent/frames-wire.ts";
import { isLinux, startAgent, TESTED_BUILDS, until } from "../support/agent-harness.ts";

const text = (value: string) => new TextEncoder().encode(value);

describe.skipIf(!isLinux).each(TESTED_BUILDS)("agent, %s build: connections", (build) => {
  test("HELLO tells version and instance, the same for every connection [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const [first, second] = [await (await agent.connect()).hello, await (await agent.connect()).hello];
    expect(first).toMatchObject({ version: 1, agent: "test", warnings: [] });
    expect(first.instance).toMatch(/^[0-9a-f]{32}$/);
    expect(second).toEqual(first);
  });

  test("a running command's output comes exactly once across two connections [agent.reconnect]", async () => {
    await using agent = await startAgent({ build });
    const first = await agent.connect();
    const begun = first.start("i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); sleep 0.002; done");
    await until(() => begun.output.length > 300, "some output");
    first.close();
    const before = begun.output;
    const resumed = (await agent.connect()).attach(begun.id, { offset: before.length, head: 100_000, tail: 0 });
    expect((await resumed.exited).status).toBe(0);
    const lines = Array.from({ length: 200 }, (_, i) => `line ${i}\n`).join("");
    expect(Buffer.concat([before, resumed.output]).toString()).toBe(lines);
  });

  test("a command that ended while nobody was there is found with output and status [agent.reconnect]", async () => {
    await using agent = await startAgent({ build });
    const first = await agent.connect();
    const begun = first.start("sleep 0.2; echo result; exit 9");
    await begun.started;
    first.close();
    await Bun.sleep(400);
    const second = await agent.connect();
    const [listed] = await second.list();
    expect(listed).toMatchObject({
      id: begun.id,
      state: "finished",
      args: ["/bin/sh", "-c", "sleep 0.2; echo result; exit 9"],
    });
    expect(listed?.exited).toMatchObject({ status: 9, total: 7 });
    const resumed = second.attach(begun.id, { offset: 0, head: 100, tail: 100 });
    expect((await resumed.exited).status).toBe(9);
    expect(resumed.text).toBe("result\n");
  });

  test("who attaches at the end gets the next output at once, again and again, and EXITED [agent.reconnect]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const begun = client.start({
      args: ["/bin/sh", "-c", "read a; echo $a; read b; echo $b; exit 7"],
      stdin: true,
      head: 0,
      tail: 0,
    });
    await begun.started;
    const first = client.attach(begun.id, { offset: 0, head: 3, tail: 0 });
    first.request(FrameType.INPUT, text("one\n"));
    await until(() => first.text === "one", "the first output");
    const second = client.attach(begun.id, { offset: 4, head: 100, tail: 0 });
    const third = client.attach(begun.id, { offset: 4, head: 100, tail: 0 });
    third.request(FrameType.INPUT, text("two\n"));
    await until(() => third.text === "two\n", "the second output");
    expect(second.pieces.every(({ offset }) => offset >= 4)).toBe(true);
    expect((await third.exited).status).toBe(7);
    const after = client.attach(begun.id, { offset: 8, head: 100, tail: 100 });
    expect((await after.exited).status).toBe(7);
    expect([await after.started, after.text]).toEqual([await begun.started, ""]);
    const whole = (await agent.connect()).attach(begun.id, { offset: 0, head: 3, tail: 2 });
    await whole.exited;
    expect(whole.pieces.map((piece) => [piece.offset, Buffer.from(piece.data).toString()])).toEqual([
      [0, "one"],
      [6, "o\n"],
    ]);
  });

  test("after a reconnect INPUT_ACK tells how much of the input was taken [agent.reconnect]", async () => {
    await using agent = await startAgent({ build });
    const first = await agent.connect();
    const begun = first.start({ args: ["/bin/sh", "-c", "sleep 0.3; head -c 200000 | wc -c"], stdin: true });
    await begun.started;
    begun.request(FrameType.INPUT, new Uint8Array(150_000));
    await first.ping();
    first.close();
    const resumed = (await agent.connect()).attach(begun.id, { offset: 0, head: 100, tail: 0 });
    await until(() => resumed.acknowledged === 150_000, "what was taken");
    resumed.request(FrameType.INPUT, new Uint8Array(50_000));
    await resumed.exited;
    expect([resumed.text.trim(), resumed.acknowledged]).toEqual(["200000", 200_000]);
  });

  test("the connection that attaches takes a command over [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const [first, second] = [await agent.connect(), await agent.connect()];
    const begun = first.start("sleep 0.3; echo x");
    await begun.started;
    const resumed = second.attach(begun.id, { offset: 0, head: 100, tail: 0 });
    await resumed.exited;
    expect(first.frames.some(({ type }) => type === FrameType.EXITED)).toBe(false);
  });

  test("what runs cannot be forgotten, what has ended can [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const running = client.start("exec sleep 60");
    await running.started;
    running.request(FrameType.FORGET);
    expect((await running.error).code).toBe("running");
    await running.kill(1000);
    running.request(FrameType.FORGET);
    expect(await client.list()).toEqual([]);
  });

  test("a command that left processes behind cannot be forgotten before they end [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const running = client.start("sleep 60 &");
    expect((await running.exited).leftCount).toBe(1);
    running.request(FrameType.FORGET);
    expect((await running.error).code).toBe("running");
    expect((await running.kill(1000)).killed).toBe(1);
    running.request(FrameType.FORGET);
    expect(await client.list()).toEqual([]);
  });

  test.each([
    ["an unknown type", encodeFrame(60, 5n), "unsupported"],
    ["an unknown command", encodeFrame(FrameType.KILL, 5n, encodeKill(0)), "unknown"],
    ["a payload of a wrong length", encodeFrame(FrameType.KILL, 5n, text("abc")), "invalid"],
    ["a PING that is too long", encodeFrame(FrameType.PING, 0n, new Uint8Array(65)), "invalid"],
    ["a START with the id 0", encodeFrame(FrameType.START, 0n, encodeStart({ args: ["true"] })), "invalid"],
    ["a START without a program", encodeFrame(FrameType.START, 5n), "invalid"],
    ["a START with a torn field", encodeFrame(FrameType.START, 5n, Uint8Array.of(1, 9, 0, 0, 0, 65)), "invalid"],
    ["a START with a NUL byte", encodeFrame(FrameType.START, 5n, Uint8Array.of(1, 2, 0, 0, 0, 65, 0)), "invalid"],
    [
      "a START with an odd width",
      encodeFrame(FrameType.START, 5n, Uint8Array.of(1, 1, 0, 0, 0, 65, 4, 1, 0, 0, 0, 9)),
      "invalid",
    ],
  ])("%s is an ERROR, and the connection goes on [agent.hostile]", async (_, frame, code) => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const answer = client.next(({ type }) => type === FrameType.AGENT_ERROR);
    client.send(frame);
    expect(decodeError((await answer).payload).code).toBe(code);
    await client.ping();
  });

  test.each([
    ["a length beyond the limit", concat([encodeHello(1), new Uint8Array(16).fill(255, 0, 4)])],
    ["bytes that must be zero", concat([encodeHello(1), Uint8Array.of(0, 0, 0, 0, 12, 1, 0, 0), new Uint8Array(8)])],
    ["anything before HELLO", encodeFrame(FrameType.PING, 0n)],
    ["garbage", text("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["a protocol of the past", encodeHello(0)],
  ])("%s ends the connection and nothing else [agent.hostile]", async (_, bytes) => {
    await using agent = await startAgent({ build });
    const other = await agent.connect();
    const hostile = await agent.connect(false);
    hostile.send(bytes);
    await hostile.closed;
    expect((await other.run("echo on")).text).toBe("on\n");
  });

  test("the ninth connection is refused, and fits when another one ends [agent.hostile]", async () => {
    await using agent = await startAgent({ build });
    const clients = await Promise.all(Array.from({ length: 8 }, () => agent.connect()));
    const ninth = await agent.connect(false);
    const answer = ninth.next(({ type }) => type === FrameType.AGENT_ERROR);
    ninth.send(encodeHello(1));
    expect(decodeError((await answer).payload).code).toBe("busy");
    await ninth.closed;
    clients[3]?.close();
    await Bun.sleep(50);
    expect((await (await agent.connect()).hello).version).toBe(1);
  });

  test("a client that asks and does not read is left waiting, within bounds [agent.hostile]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const running = client.start("head -c 60000 /dev/zero");
    await running.exited;
    client.pause();
    const read = encodeFrame(FrameType.READ, running.id, concat([new Uint8Array(8), Uint8Array.of(255, 255, 0, 0)]));
    for (let i = 0; i < 2000; i++) client.send(read);
    await Bun.sleep(300);
    expect(agent.memory).toBeLessThan((build === "release" ? 4 : 32) * 1024 * 1024);
    client.resume();
    const answers = () => client.frames.filter(({ type }) => type === FrameType.DATA).length;
    await until(() => answers() === 2000, "all answers");
  });

  test("random bytes after HELLO never harm the agent [agent.fuzzed]", async () => {
    await using agent = await startAgent({ build });
    let seed = 7;
    const random = () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 8;
    for (let round = 0; round < 300; round++) {
      const client = await agent.connect();
      for (let i = 0; i < 20; i++) {
        const payload = new Uint8Array(random() % 64).map(() => random());
        const frame = encodeFrame(
          [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 2, 1, 14, 15][random() % 14] ?? 12,
          BigInt(random() % 3),
          payload,
        );
        if (random() % 8 === 0) frame[random() % 16] = random();
        client.send(frame);
      }
      client.close();
    }
    const last = await agent.connect();
    expect((await last.run("echo unharmed")).text).toBe("unharmed\n");
  });

  test("the longest START passes, one byte more cannot be sent [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const args = ["/bin/sh", "-c", 'echo "${#1} ${#2} ${#3}"', "sh", "x".repeat(100_000), "y".repeat(100_000)];
    const rest = MAX_PAYLOAD - encodeStart({ args, head: 100, tail: 0 }).length - 5;
    const longest = [...args, "z".repeat(rest)];
    const running = client.start({ args: longest, head: 100, tail: 0 });
    await running.exited;
    expect(running.text).toBe(`100000 100000 ${rest}\n`);
    expect(() => client.start({ args: [...args, "z".repeat(rest + 1)], head: 100, tail: 0 })).toThrow("at most");
  });
});
