import { describe, expect, test } from "bun:test";
import { INPUT_WINDOW, FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { encodeResize } from "../../src/sandbox/agent/frames-requests.ts";
import { isLinux, startAgent, TESTED_BUILDS, until } from "../support/agent-harness.ts";

const text = (value: string) => new TextEncoder().encode(value);
const terminal = { rows: 24, columns: 80 };

describe.skipIf(!isLinux).each(TESTED_BUILDS)("agent, %s build: input", (build) => {
  test("standard input is empty unless it is asked for [exec.stdin-closed]", async () => {
    await using agent = await startAgent({ build });
    const { text: output } = await (await agent.connect()).run("cat; readlink /proc/self/fd/0");
    expect(output).toBe("/dev/null\n");
  });

  test("standard input reaches the command and ends [exec.parameters]", async () => {
    await using agent = await startAgent({ build });
    const running = (await agent.connect()).start({ args: ["cat"], stdin: true });
    running.request(FrameType.INPUT, text("hello "));
    running.request(FrameType.INPUT, text("world"));
    running.request(FrameType.INPUT_END);
    expect((await running.exited).status).toBe(0);
    expect([running.text, running.acknowledged]).toEqual(["hello world", 11]);
  });

  test("input is acknowledged as it is taken, and more than the window is refused [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const running = client.start({ args: ["/bin/sh", "-c", "sleep 0.5; wc -c"], stdin: true });
    running.request(FrameType.INPUT, new Uint8Array(INPUT_WINDOW));
    await until(() => running.acknowledged > 0, "the pipe to fill");
    expect(running.acknowledged).toBeLessThan(INPUT_WINDOW);
    const room = running.acknowledged;
    running.request(FrameType.INPUT, new Uint8Array(room + 1));
    expect((await running.error).code).toBe("invalid");
    running.request(FrameType.INPUT, new Uint8Array(room));
    running.request(FrameType.INPUT_END);
    await running.exited;
    expect(Number(running.text)).toBe(INPUT_WINDOW + room);
  });

  test("input that nobody reads counts as taken, so that its sender does not wait [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const running = (await agent.connect()).start({
      args: ["/bin/sh", "-c", "exec <&-; sleep 0.3; echo x"],
      stdin: true,
    });
    await Bun.sleep(150);
    running.request(FrameType.INPUT, new Uint8Array(INPUT_WINDOW));
    await until(() => running.acknowledged === INPUT_WINDOW, "the acknowledgement");
    expect((await running.exited).status).toBe(0);
  });

  test("a megabyte passes through, in windows, unharmed [exec.parameters]", async () => {
    await using agent = await startAgent({ build });
    const running = (await agent.connect()).start({ args: ["sha256sum"], stdin: true });
    const whole = new Uint8Array(1_000_000).map((_, i) => (i * 7919) >> 3);
    for (let sent = 0; sent < whole.length;) {
      await until(() => sent - running.acknowledged < INPUT_WINDOW, "room");
      const room = INPUT_WINDOW - (sent - running.acknowledged);
      running.request(FrameType.INPUT, whole.subarray(sent, sent + room));
      sent = Math.min(whole.length, sent + room);
    }
    running.request(FrameType.INPUT_END);
    await running.exited;
    expect(running.text).toBe(`${new Bun.CryptoHasher("sha256").update(whole).digest("hex")}  -\n`);
  });

  test("a terminal is one, with its size, and can be resized [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const script =
      "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo tty; stty size; trap 'stty size; exit 0' WINCH; while :; do sleep 0.05; done";
    const running = (await agent.connect()).start({ args: ["/bin/sh", "-c", script], terminal });
    await until(() => running.text.includes("80"), "the size");
    await Bun.sleep(100);
    running.request(FrameType.RESIZE, encodeResize({ rows: 50, columns: 132 }));
    expect((await running.exited).status).toBe(0);
    expect(running.text).toBe("tty\r\n24 80\r\n50 132\r\n");
  });

  test.each(["line\n", "no line's end", ""])("a terminal's input %j ends [agent.protocol]", async (input) => {
    await using agent = await startAgent({ build });
    const script = "stty -echo; echo ready; cat | od -c | head -2; echo ended";
    const running = (await agent.connect()).start({ args: ["/bin/sh", "-c", script], terminal });
    await until(() => running.text.includes("ready"), "the terminal");
    if (input) running.request(FrameType.INPUT, text(input));
    running.request(FrameType.INPUT_END);
    expect((await running.exited).status).toBe(0);
    expect(running.text).toEndWith("ended\r\n");
  });

  test("the interrupt character interrupts what runs in the terminal [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const running = (await agent.connect()).start({ args: ["/bin/sh", "-c", "echo ready; exec sleep 60"], terminal });
    await until(() => running.text.includes("ready"), "the command");
    await Bun.sleep(50);
    running.request(FrameType.INPUT, Uint8Array.of(3));
    expect(await running.exited).toMatchObject({ status: 2 });
  });
});
