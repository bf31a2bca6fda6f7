import { describe, expect, test } from "bun:test";
import { Why } from "../../src/sandbox/agent/frames-answers.ts";
import { FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { encodeSignal } from "../../src/sandbox/agent/frames-requests.ts";
import { newId } from "../support/agent-client.ts";
import { isLinux, startAgent, TESTED_BUILDS, until } from "../support/agent-harness.ts";

describe.skipIf(!isLinux).each(TESTED_BUILDS)("agent, %s build: commands", (build) => {
  test.each([0, 1, 3, 126, 255])("exit status %d is reported [exec.status, agent.sanitized]", async (status) => {
    await using agent = await startAgent({ build });
    const { exited } = await (await agent.connect()).run(`exit ${status}`);
    expect(exited).toMatchObject({ why: Why.EXITED, status, killed: 0, survivors: 0, leftCount: 0, dropped: 0 });
    expect(exited.durationUs).toBeGreaterThan(0);
    expect(exited.file).toBeUndefined();
  });

  test.each([1, 9, 15, 34])("death by signal %d is told apart from an exit [exec.status]", async (signal) => {
    await using agent = await startAgent({ build });
    const { exited } = await (await agent.connect()).run(`kill -${signal} $$`);
    expect(exited).toMatchObject({ why: Why.SIGNALLED, status: signal });
  });

  test("both streams come in the order in which they were written [exec.result]", async () => {
    await using agent = await startAgent({ build });
    const script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done";
    const { text, exited } = await (await agent.connect()).run(script);
    const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `out ${i}\nerr ${i}\n`).join("");
    expect(text).toBe(expected);
    expect(exited.total).toBe(expected.length);
  });

  test("a short command's STARTED, output and EXITED come in this order [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    await client.run("echo hi");
    const types = client.frames.map((frame) => frame.type);
    expect(types).toEqual([FrameType.AGENT_HELLO, FrameType.STARTED, FrameType.OUTPUT, FrameType.EXITED]);
  });

  test("a command that goes on is told to have started, with its pid [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const running = (await agent.connect()).start("echo $$; exec sleep 60");
    expect(await running.started).toBeGreaterThan(1);
    await until(() => running.text !== "", "its pid");
    expect((await running.kill(1000)).killed).toBe(1);
    expect(Number(running.text)).toBe(await running.started);
  });

  test("output may hold any byte [output.bytes]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const running = client.start(String.raw`printf '\000\001\377\n\000'`);
    await running.exited;
    expect([...running.output]).toEqual([0, 1, 255, 10, 0]);
  });

  test("environment and working directory reach the command, replacing what was there [exec.parameters]", async () => {
    await using agent = await startAgent({ build, env: { KEPT: "kept", REPLACED: "old" } });
    const env = ["REPLACED=new", "ADDED=a=b", "ADDED=last"];
    const script = 'echo "$KEPT $REPLACED $ADDED"; pwd; env | grep -c "^ADDED="';
    const { text } = await (await agent.connect()).run(script, { env, cwd: "/usr" });
    expect(text).toBe("kept new last\n/usr\n1\n");
  });

  test("a command begins with nothing of the agent's: descriptors, signals, session [exec.parameters]", async () => {
    await using agent = await startAgent({ build });
    const script = "ls /proc/self/fd | wc -w; grep -E '^Sig(Blk|Ign)' /proc/self/status | grep -c 0000000000000000";
    const { text } = await (
      await agent.connect()
    ).run(`${script}; [ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo leads`);
    expect(text).toBe("4\n2\nleads\n");
  });

  test.each([
    ["a program that does not exist", { args: ["no-such-program"] }, "execve", 2],
    ["a program that may not run", { args: ["/etc/passwd"] }, "execve", 13],
    ["a file of no known format", { args: ["/proc/self/cmdline"] }, "execve", 13],
    ["a folder that does not exist", { args: ["true"], cwd: "/no/such/folder" }, "chdir", 2],
    ["a folder that is a file", { args: ["true"], cwd: "/etc/passwd" }, "chdir", 20],
  ])("%s is not started, with the reason [exec.not-started]", async (_, options, message, status) => {
    await using agent = await startAgent({ build });
    const exited = await (await agent.connect()).start(options).exited;
    expect(exited).toMatchObject({ why: Why.NOT_STARTED, status, message });
  });

  test("a program is looked for in the PATH that the command is given [exec.parameters]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const found = await client.start({ args: ["true"], env: ["PATH=/nowhere:/bin"] }).exited;
    const missed = await client.start({ args: ["true"], env: ["PATH=/nowhere"] }).exited;
    expect([found.why, missed.why]).toEqual([Why.EXITED, Why.NOT_STARTED]);
  });

  test("an id that is known starts nothing [agent.reconnect]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const id = newId();
    const [first, second] = [client.start("echo once", id), client.start("echo twice", id)];
    expect((await second.error).code).toBe("exists");
    await first.exited;
    expect(first.text).toBe("once\n");
  });

  test("SIGNAL reaches the main process [agent.protocol]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const running = client.start("trap 'echo got; exit 7' USR1; echo ready; while :; do sleep 0.05; done");
    await until(() => running.text !== "", "the trap");
    running.request(FrameType.SIGNAL, encodeSignal(10));
    expect(await running.exited).toMatchObject({ why: Why.EXITED, status: 7 });
  });

  test("many commands run side by side, each with its own output [exec.concurrent]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => client.run(`sleep 0.2; echo ${i}; exit ${i}`)));
    expect(all.map(({ text }) => text)).toEqual(all.map((_, i) => `${i}\n`));
    expect(all.map(({ exited }) => exited.status)).toEqual(all.map((_, i) => i));
  });

  test("the 65th command at once is refused, and one fits again when one has ended [agent.hostile]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const sleepers = Array.from({ length: 64 }, () => client.start("exec sleep 60"));
    expect(await client.start("true").error).toMatchObject({ code: "busy" });
    await sleepers[0]?.kill(1000);
    expect((await client.run("echo fits")).text).toBe("fits\n");
    await Promise.all(sleepers.slice(1).map((sleeper) => sleeper.kill(1000)));
  });

  test("the record of the oldest finished command makes room for the 257th [agent.hostile]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const first = client.start("true");
    await first.exited;
    for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 32 }, () => client.run("true")));
    const known = await client.list();
    expect(known.length).toBe(256);
    expect(known.some(({ id }) => id === first.id)).toBe(false);
  });
});
