import { describe, expect, test } from "bun:test";
import type { Process } from "../../src/sandbox/agent/frames-answers.ts";
import { encodeHello } from "../../src/sandbox/agent/frames-requests.ts";
import type { Client } from "../support/agent-client.ts";
import {
  canBeProcessOne,
  compile,
  startAgent,
  TESTED_BUILDS,
  until,
  type AgentOptions,
} from "../support/agent-harness.ts";

const withLoopback = ["sh", "-c", 'ip link set lo up; exec "$@"', "sh"];
const listening = (host: string, port: number) => [
  process.execPath,
  "-e",
  `Bun.listen({ hostname: "${host}", port: ${port}, socket: { data() {} } }); console.log("ready");`,
];

/** The processes once one has this command line, and sleeps: between fork and execve it has its parent's. */
async function processesWith(client: Client, line: string): Promise<Process[]> {
  for (const end = Date.now() + 10_000; Date.now() < end; await Bun.sleep(10)) {
    const processes = await client.processes();
    if (processes.some(({ commandLine, state }) => commandLine === line && state === "S")) return processes;
  }
  throw new Error(`waited in vain for ${line}`);
}

describe.skipIf(!canBeProcessOne).each(TESTED_BUILDS)("agent, %s build: processes", (build) => {
  const start = (options: AgentOptions = {}) => startAgent({ build, isProcessOne: true, ...options });

  test("each process is told with its command, parent, cost, age and state [agent.processes]", async () => {
    await using agent = await start();
    const client = await agent.connect();
    const busy = client.start("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; sleep 61 & wait");
    const idle = client.start("exec sleep 62");
    await until(() => busy.text === "done\n", "some work");
    await processesWith(client, "sleep 62");
    const processes = await processesWith(client, "sleep 61");
    expect(processes.map(({ commandLine }) => commandLine.slice(0, 8)).toSorted()).toEqual([
      "/bin/sh ",
      "sleep 61",
      "sleep 62",
    ]);
    const shell = processes.find(({ commandLine }) => commandLine.startsWith("/bin/sh"));
    const child = processes.find(({ commandLine }) => commandLine === "sleep 61");
    expect(shell).toMatchObject({ pid: await busy.started, command: busy.id, listening: [] });
    expect(child).toMatchObject({ parent: shell?.pid ?? -1, command: busy.id, state: "S" });
    expect(shell?.cpuMs).toBeGreaterThan(10);
    expect(shell?.memoryBytes).toBeGreaterThan(100_000);
    expect(shell?.ageMs).toBeWithin(0, 60_000);
    expect(processes.find(({ commandLine }) => commandLine === "sleep 62")?.command).toBe(idle.id);
  });

  test("what a finished command left behind is still told as its own [agent.processes]", async () => {
    await using agent = await start();
    const client = await agent.connect();
    const running = client.start("(setsid sleep 63 &)");
    await running.exited;
    const processes = await processesWith(client, "sleep 63");
    expect(processes).toMatchObject([{ commandLine: "sleep 63", command: running.id }]);
  });

  test("neither the agent nor what connects to it from outside is listed [agent.processes]", async () => {
    await using agent = await start();
    const words = [
      "--target",
      String(agent.pid),
      "--pid",
      "--mount",
      compile(build),
      "connect",
      "--socket",
      agent.socket,
    ];
    const relay = Bun.spawn(["nsenter", ...words], { stdin: "pipe", stdout: "pipe" });
    void relay.stdin.write(encodeHello(1));
    await relay.stdin.flush();
    await relay.stdout.getReader().read();
    const client = await agent.connect();
    expect((await client.run("ps -e -o args=")).text).toContain(" connect ");
    expect(await client.processes()).toEqual([]);
    await relay.stdin.end();
    expect(await relay.exited).toBe(0);
  });

  test("listening addresses are told with the process that listens [agent.processes]", async () => {
    await using agent = await start({ prefix: withLoopback });
    const client = await agent.connect();
    const four = client.start({ args: listening("127.0.0.1", 8080) });
    const six = client.start({ args: listening("::1", 8081) });
    await until(() => four.text + six.text === "ready\nready\n", "both servers");
    const found = (await client.processes()).map(({ command, listening: at }) => [command, at]);
    expect(found).toContainEqual([four.id, ["127.0.0.1:8080"]]);
    expect(found).toContainEqual([six.id, ["[::1]:8081"]]);
  });

  test("a listener whose process may not be looked into stands under pid 0 [agent.processes]", async () => {
    await using agent = await start({ prefix: withLoopback });
    const client = await agent.connect();
    const args = ["setpriv", "--reuid=54321", "--clear-groups", ...listening("127.0.0.1", 8082)];
    const running = client.start({ args });
    await until(() => running.text === "ready\n", "the server");
    expect((await client.processes()).find(({ pid }) => pid === 0)?.listening).toEqual(["127.0.0.1:8082"]);
  });

  test("names and command lines that lie about their end deceive nobody [agent.processes, agent.hostile]", async () => {
    await using agent = await start();
    const client = await agent.connect();
    const folder = `${agent.spill}-x`;
    const script = `mkdir -p '${folder}'; cp /bin/sleep '${folder}/a) R 1 1 (b'; exec '${folder}/a) R 1 1 (b' 64`;
    const named = client.start(script);
    const lined = client.start({ args: ["/bin/bash", "-c", "exec -a $'first\\nsecond\\xff' sleep 65"] });
    const long = client.start({ args: ["/bin/sh", "-c", "sleep 66; true", "y".repeat(100_000)] });
    await long.started;
    await processesWith(client, "first\nsecond\ufffd 65");
    const processes = await processesWith(client, `${folder}/a) R 1 1 (b 64`);
    const of = (id: bigint) => processes.find(({ command }) => command === id);
    expect(of(named.id)).toMatchObject({ commandLine: `${folder}/a) R 1 1 (b 64`, state: "S" });
    expect(of(lined.id)?.commandLine).toBe("first\nsecond\ufffd 65");
    expect(processes.find(({ commandLine }) => commandLine.includes("yyy"))?.commandLine.length).toBe(4096);
  });

  test("of many processes 1,024 are told, within a bounded time [agent.processes, agent.hostile]", async () => {
    await using agent = await start();
    const client = await agent.connect();
    const running = client.start("i=0; while [ $i -lt 1100 ]; do sleep 67 & i=$((i+1)); done; echo ready; wait");
    await until(() => running.text === "ready\n", "the processes", 30_000);
    const begin = performance.now();
    expect((await client.processes()).length).toBe(1024);
    expect(performance.now() - begin).toBeLessThan(build === "release" ? 1000 : 5000);
    await running.kill(0);
  });
});
