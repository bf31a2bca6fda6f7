import { describe, expect, test } from "bun:test";
import { decodeError } from "../../src/sandbox/agent/frames-answers.ts";
import { MAX_KEPT } from "../../src/sandbox/agent/frames-requests.ts";
import { encodeFrame, FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { isLinux, startAgent, TESTED_BUILDS } from "../support/agent-harness.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (from: Uint8Array | undefined) => new TextDecoder().decode(from);

describe.skipIf(!isLinux).each(TESTED_BUILDS)("agent, %s build: what it keeps", (build) => {
  test("a note comes back in the HELLO of every later connection, until the next one [agent.kept]", async () => {
    await using agent = await startAgent({ build });
    const first = await agent.connect();
    expect((await first.hello).note.length).toBe(0);
    first.note("mine");
    await first.ping();
    expect(text((await (await agent.connect()).hello).note)).toBe("mine");
    first.note("n".repeat(MAX_KEPT));
    await first.ping();
    expect(text((await (await agent.connect()).hello).note)).toBe("n".repeat(MAX_KEPT));
    first.note("");
    await first.ping();
    expect((await (await agent.connect()).hello).note.length).toBe(0);
  });

  test("a note that is too long is an ERROR and changes nothing [agent.kept, agent.hostile]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    client.note("before");
    const answer = client.next(({ type }) => type === FrameType.AGENT_ERROR);
    client.send(encodeFrame(FrameType.NOTE, 0n, new Uint8Array(MAX_KEPT + 1)));
    expect(decodeError((await answer).payload).code).toBe("invalid");
    expect(text((await (await agent.connect()).hello).note)).toBe("before");
  });

  test("what START gives to keep comes back with the list [agent.kept]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const kept = bytes('{"background": true}\0\xff');
    await client.run("true", { kept });
    await client.run("true");
    const listed = await client.list();
    expect(listed.map((entry) => text(entry.kept)).toSorted()).toEqual(["", text(kept)]);
    expect(listed[0]?.args).toEqual(["/bin/sh", "-c", "true"]);
  });

  test("more than may be kept starts nothing [agent.kept, agent.hostile]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const tooLong = new Uint8Array(5 + MAX_KEPT + 1);
    tooLong.set([10, (MAX_KEPT + 1) & 255, (MAX_KEPT + 1) >> 8]);
    const answer = client.next(({ type }) => type === FrameType.AGENT_ERROR);
    const program = Uint8Array.of(1, 4, 0, 0, 0, ...bytes("true"));
    client.send(encodeFrame(FrameType.START, 5n, new Uint8Array([...program, ...tooLong])));
    expect(decodeError((await answer).payload)).toMatchObject({ code: "invalid" });
    expect(await client.list()).toEqual([]);
  });

  test("256 commands with as much as may be kept are listed, however slow the reader [agent.kept, agent.reconnect]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const kept = new Uint8Array(MAX_KEPT).fill(65);
    const args = ["/bin/sh", "-c", "exit 0", "x".repeat(4000)];
    for (let batch = 0; batch < 8; batch++)
      await Promise.all(Array.from({ length: 32 }, () => client.start({ args, kept }).exited));
    client.pause();
    const listing = client.list();
    await Bun.sleep(200);
    client.resume();
    const listed = await listing;
    expect(listed.length).toBe(256);
    expect(new Set(listed.map((entry) => entry.kept.length))).toEqual(new Set([MAX_KEPT]));
    await client.ping();
  });

  test("the oldest finished commands go when there are more than 256 [agent.kept]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const first = client.start("true");
    await first.exited;
    for (let batch = 0; batch < 8; batch++)
      await Promise.all(Array.from({ length: 32 }, () => client.start("true").exited));
    const listed = await client.list();
    expect([listed.length, listed.some(({ id }) => id === first.id)]).toEqual([256, false]);
  });
});
