import { describe, expect, test } from "bun:test";
import { Why } from "../../src/sandbox/agent/frames-answers.ts";
import { encodeShutdown } from "../../src/sandbox/agent/frames-requests.ts";
import { FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { canBeProcessOne, startAgent, TESTED_BUILDS, until } from "../support/agent-harness.ts";

describe.skipIf(!canBeProcessOne).each(TESTED_BUILDS)("agent, %s build, as process 1", (build) => {
  test("kill -9 -1 leaves the agent, and the command that did it is reported truly [end.kill-all]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const victim = client.start("sleep 60");
    await victim.started;
    const { exited, text } = await client.run("kill -9 -1; echo alive; exit 4");
    expect([exited.why, exited.status, text]).toEqual([Why.EXITED, 4, "alive\n"]);
    expect(await victim.exited).toMatchObject({ why: Why.SIGNALLED, status: 9 });
    expect((await client.run("echo works")).text).toBe("works\n");
  });

  test("a subshell that kills everything else does not take its command's record along [end.kill-all]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const running = client.start("(kill -9 -1; exec sleep 60) & wait");
    expect(await running.exited).toMatchObject({ why: Why.SIGNALLED, status: 9, leftCount: 1 });
    expect(await running.kill(100)).toMatchObject({ killed: 1, survivors: 0 });
    expect((await client.run("ps -e -o args | grep -c '[s]leep 60'")).text).toBe("0\n");
  });

  test("no signal from inside ends or stops the agent [end.kill-agent]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const { text } = await client.run("for s in 9 15 2 1 19 20 6 11 13 17; do kill -$s 1; done; echo done");
    expect(text).toBe("done\n");
    await client.ping();
    expect((await client.run("grep State /proc/1/status")).text).toContain("S (sleeping)");
  });

  test("a killed keeper's command goes on and is reported truly [end.kill-all]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const { exited, text } = await client.run("kill -9 $PPID; sleep 0.2; cut -d' ' -f4 /proc/$$/stat; exit 6");
    expect([exited.why, exited.status, text]).toEqual([Why.EXITED, 6, "1\n"]);
  });

  test("a command whose keeper was killed is still killed with its tree [agent.tree]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const running = (await agent.connect()).start("setsid sleep 64 & kill -9 $PPID; echo ready; sleep 65; sleep 66");
    await until(() => running.text.includes("ready"), "the script");
    await Bun.sleep(100);
    expect(await running.kill(200)).toMatchObject({ why: Why.KILLED, killed: 3, survivors: 0 });
  });

  test("a stopped keeper does not delay the end [agent.reaps]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const begin = performance.now();
    const { exited } = await client.run("kill -STOP $PPID; exit 8");
    expect(exited).toMatchObject({ why: Why.EXITED, status: 8 });
    expect(performance.now() - begin).toBeLessThan(1000);
  });

  test("orphans are reaped: no zombie stays [agent.reaps]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    await client.run("for i in 1 2 3 4 5; do (sh -c 'sleep 0.05 &' &) ; done");
    await Bun.sleep(300);
    expect((await client.run("ps -e -o stat= | grep -c Z")).text).toBe("0\n");
  });

  test("the agent cannot be traced or looked into [end.kill-agent]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const files = "environ mem maps fd/0 fd/1 fdinfo/0 exe cwd root";
    const script = `for f in ${files}; do head -c1 /proc/1/$f || readlink /proc/1/$f || echo closed; done 2>/dev/null`;
    expect((await client.run(script)).text).toBe("closed\n".repeat(files.split(" ").length));
  });

  test("no new namespace, no mount, no foreign privilege [agent.protocol]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const script = "unshare -U true || unshare -n true || unshare -m true || mount -t tmpfs x /mnt || echo refused";
    expect((await client.run(`(${script}) 2>/dev/null`)).text).toBe("refused\n");
    const status = (await client.run("grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status"))
      .text;
    const kept = "00000000000004fb";
    expect(status.match(/\S+$/gm)).toEqual(["0".repeat(16), kept, kept, kept, "0".repeat(16), "1", "2"]);
  });

  test("a process of the sandbox may not connect [agent.hostile]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const code = `const socket = process.getBuiltinModule("net").connect("${agent.socket}");
      socket.on("error", () => {}).on("data", () => console.log("served")).on("close", () => console.log("closed"));`;
    const running = client.start({ args: [process.execPath, "-e", code] });
    await running.exited;
    expect(running.text).toBe("closed\n");
    await client.ping();
  });

  test("commands go before the agent when memory runs out [agent.protocol]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const { text } = await client.run("cat /proc/1/oom_score_adj /proc/self/oom_score_adj");
    const [own, command] = text.trim().split("\n").map(Number);
    expect(command).toBe(Math.min(1000, Number(own) + 200));
  });

  test("a termination from outside reaches the commands, and the agent goes [agent.reaps]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const running = client.start("trap 'echo ended; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    await until(() => running.text.includes("ready"), "the trap");
    process.kill(agent.pid, "SIGTERM");
    expect(await running.exited).toMatchObject({ why: Why.KILLED, status: 3 });
    await client.closed;
    expect(client.bye).toBe("signal");
    expect(running.text).toEndWith("ended\n");
    expect(await agent.exitCode).toBe(0);
  });

  test("SHUTDOWN ends all commands and says goodbye [agent.protocol]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const running = client.start("trap '' TERM; sleep 60 & sleep 60 & echo ready; wait");
    await until(() => running.text !== "", "the processes");
    client.request(FrameType.SHUTDOWN, 0n, encodeShutdown(100));
    expect(await running.exited).toMatchObject({ why: Why.KILLED, killed: 3, survivors: 0 });
    await client.closed;
    expect(client.bye).toBe("shutdown");
    expect(await agent.exitCode).toBe(0);
  });

  test("without a sign of life the lease ends, and with it every process [agent.protocol]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true, flags: ["--lease", "400", "--grace", "100"] });
    const client = await agent.connect();
    const running = client.start("trap '' TERM; sleep 60");
    await Bun.sleep(250);
    await client.ping();
    await Bun.sleep(250);
    await client.ping();
    expect(await running.exited).toMatchObject({ why: Why.KILLED, survivors: 0 });
    await client.closed;
    expect(client.bye).toBe("lease");
    expect(await agent.exitCode).toBe(0);
  });
});
