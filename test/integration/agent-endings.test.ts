import { describe, expect, test } from "bun:test";
import { Why } from "../../src/sandbox/agent/frames-answers.ts";
import { encodeKill } from "../../src/sandbox/agent/frames-requests.ts";
import { FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import type { Client, Running } from "../support/agent-client.ts";
import { canBeProcessOne, startAgent, TESTED_BUILDS, until } from "../support/agent-harness.ts";

const STUBBORN = "trap '' TERM HUP INT";

/** A tree that tries to get away: background, setsid, double fork, nohup; each process appends its pid to the output. */
const TREE = [
  "sleep 71 & echo $!",
  "setsid sh -c 'echo $$; exec sleep 72' &",
  "(sh -c '(sleep 73 & echo $!) &' ) &",
  "nohup sh -c 'echo $$; exec sleep 74' &",
  "sleep 0.3; echo ready; wait",
].join("\n");

async function startTree(client: Client, prelude = "") {
  const running = client.start({ args: ["/bin/sh", "-c", `${prelude}\n${TREE}`], graceMs: 300 });
  await until(() => running.text.includes("ready"), "the tree");
  return running;
}

describe.skipIf(!canBeProcessOne).each(TESTED_BUILDS)("agent, %s build: ends", (build) => {
  test("a time-out ends the whole tree, however it hides, and counts it [end.timeout, agent.tree]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const exited = await client.start({ args: ["/bin/sh", "-c", TREE], timeoutMs: 700, graceMs: 500 }).exited;
    expect(exited).toMatchObject({ why: Why.TIMED_OUT, status: 128 + 15, killed: 5, survivors: 0, leftCount: 0 });
    expect((await client.run("ps -e -o args | grep -c '[s]leep 7'")).text).toBe("0\n");
  });

  test("KILL ends a tree that ignores SIGTERM after the grace [agent.tree]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const running = await startTree(client, STUBBORN);
    const begin = performance.now();
    const exited = await running.kill(300);
    expect(exited).toMatchObject({ why: Why.KILLED, status: 128 + 9, killed: 5, survivors: 0 });
    expect(performance.now() - begin).toBeWithin(300, 1500);
  });

  test("a grace of 0 kills at once [agent.tree]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const running = await startTree(await agent.connect(), STUBBORN);
    const begin = performance.now();
    expect(await running.kill(0)).toMatchObject({ why: Why.KILLED, killed: 5, survivors: 0 });
    expect(performance.now() - begin).toBeLessThan(700);
  });

  test("a command may clean up within the grace, and its status is told [end.timeout]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const script = "trap 'echo cleaned; exit 5' TERM; while :; do sleep 0.05; done";
    const options = { args: ["/bin/sh", "-c", script], timeoutMs: 200, graceMs: 3000 };
    const running = (await agent.connect()).start(options);
    expect(await running.exited).toMatchObject({ why: Why.TIMED_OUT, status: 5, survivors: 0 });
    expect(running.text).toEndWith("cleaned\n");
  });

  test("a second KILL shortens the grace of the first [agent.protocol]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const running = await startTree(await agent.connect(), STUBBORN);
    running.request(FrameType.KILL, encodeKill(60_000));
    expect(await running.kill(50)).toMatchObject({ why: Why.KILLED, killed: 5 });
  });

  test("stopped processes are ended too [agent.tree]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const running = (await agent.connect()).start("sleep 60 & kill -STOP $!; echo ready; kill -STOP $$");
    await until(() => running.text.includes("ready"), "the stop");
    expect(await running.kill(1000)).toMatchObject({ why: Why.KILLED, status: 143, killed: 2, survivors: 0 });
  });

  test("what is left in the background goes on, is named, and can be ended later [exec.left]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const running = client.start("sleep 61 & (setsid sleep 62 &) ; sleep 0.2; echo done");
    const exited = await running.exited;
    expect(exited).toMatchObject({ why: Why.EXITED, status: 0, leftCount: 2, killed: 0 });
    expect(exited.left.map(({ command }) => command).toSorted()).toEqual(["sleep 61", "sleep 62"]);
    expect(await client.list()).toMatchObject([{ state: "finished with processes left" }]);
    expect(await running.kill(500)).toMatchObject({
      why: Why.EXITED,
      status: 0,
      killed: 2,
      survivors: 0,
      leftCount: 0,
    });
    expect(await client.list()).toMatchObject([{ state: "finished" }]);
  });

  test("a background process's output is recorded after the command has ended [exec.left]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const running = client.start("(sleep 0.3; echo late) & echo early");
    expect((await running.exited).total).toBe("early\n".length);
    await until(() => client.frames.length > 0, "anything");
    await Bun.sleep(600);
    expect(Buffer.from((await client.read(running.id, 0n, 100)).data).toString()).toBe("early\nlate\n");
    expect(await client.list()).toMatchObject([{ state: "finished" }]);
  });

  test("at most 20 processes that are left are named, and all are counted [exec.left]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const running = (await agent.connect()).start("for i in $(seq 30); do sleep 63 & done");
    const exited = await running.exited;
    expect([exited.left.length, exited.leftCount]).toEqual([20, 30]);
    expect((await running.kill(0)).killed).toBe(30);
  });

  test("256 commands that left processes behind refuse more, and each can be ended [exec.left, agent.hostile]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const all: Running[] = [];
    for (let batch = 0; batch < 8; batch++) {
      const some = Array.from({ length: 32 }, () => client.start("sleep 68 &"));
      await Promise.all(some.map((running) => running.exited));
      all.push(...some);
    }
    const refused = await client.start("true").error;
    expect(refused.code).toBe("busy");
    expect(refused.message).toMatch(/shell_list.*shell_kill/);
    expect(await all[100]?.kill(0)).toMatchObject({ killed: 1, survivors: 0 });
    expect((await client.run("echo again")).text).toBe("again\n");
    const ended = await Promise.all(all.toSpliced(100, 1).map((running) => running.kill(0)));
    expect(ended.every(({ killed, survivors }) => killed === 1 && survivors === 0)).toBe(true);
    expect((await client.list()).some(({ state }) => state !== "finished")).toBe(false);
  });

  test("where no process fits any more, what was left behind can still be ended [exec.left, agent.hostile]", async () => {
    const prefix = ["setpriv", "--bounding-set=-all,+setuid,+setgid", "setpriv", "--reuid=54322", "--regid=54322"];
    const limit = ["--clear-groups", "prlimit", "--nproc=40"];
    await using agent = await startAgent({ build, isProcessOne: true, prefix: [...prefix, ...limit] });
    const client = await agent.connect();
    const left: Running[] = [];
    const isRefused = (running: Running) =>
      Promise.race([running.error.then(() => true), running.exited.then(() => false)]);
    for (
      let running = client.start("sleep 69 &");
      left.length < 60 && !(await isRefused(running));
      running = client.start("sleep 69 &")
    )
      left.push(running);
    expect(left.length).toBeWithin(10, 25);
    expect((await client.start("true").error).message).toMatch(/shell_list.*shell_kill/);
    for (const running of left.slice(0, 3)) expect((await running.kill(0)).survivors).toBe(0);
    expect((await client.run("echo again")).text).toBe("again\n");
  });

  test("a fork bomb ends within seconds, and everything is counted [end.fork-bomb]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const client = await agent.connect();
    const script =
      "trap '' TERM; ulimit -u 500 2>/dev/null; f() { f | f & }; i=0; while [ $i -lt 9 ]; do f; i=$((i+1)); done; sleep 60";
    const running = client.start({
      args: ["/usr/bin/prlimit", "--nproc=500", "setpriv", "--reuid=4242", "bash", "-c", script],
    });
    await running.started;
    await Bun.sleep(700);
    const begin = performance.now();
    const exited = await running.kill(200);
    expect(performance.now() - begin).toBeLessThan(3000);
    expect(exited.survivors).toBe(0);
    expect(exited.killed).toBeGreaterThan(100);
    expect((await client.run("ps -e -o user= | grep -c 4242")).text).toBe("0\n");
  });
});
