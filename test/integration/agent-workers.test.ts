import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { describe, expect, test } from "bun:test";
import { encodeHello, type Purpose } from "../../src/sandbox/agent/frames-requests.ts";
import { encodeFrame, FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { canBeProcessOne, isLinux, startAgent, TESTED_BUILDS, until, type Agent } from "../support/agent-harness.ts";
import { AgentStream } from "../support/agent-stream.ts";

/** A server on this host's loopback: agents of these tests share its network. */
async function listen(onSocket: (socket: Socket) => void, host = "127.0.0.1") {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const end = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port, [Symbol.dispose]: end };
}

const open = (agent: Agent, purpose: Purpose, keep?: number) =>
  new AgentStream(agent.socket, keep === undefined ? {} : { keep }).open(purpose);
const toPort = (agent: Agent, port: number) => open(agent, { to: "port", port });

/** The pids of the agent's children. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

const commandLineOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0+$/, "");

/** A zombie is not alive: who reaps it is not the agent's business any more. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe.skipIf(!isLinux).each(TESTED_BUILDS)("agent, %s build: workers", (build) => {
  test("a port's bytes go both ways, and each direction ends by itself [agent.workers]", async () => {
    await using agent = await startAgent({ build });
    using server = await listen((socket) => {
      socket.on("data", (chunk) => socket.write(`<${chunk.toString()}>`));
      socket.on("end", () => socket.end("bye"));
    });
    using stream = await toPort(agent, server.port);
    expect(stream.frames.map(({ type }) => type)).toEqual([FrameType.AGENT_HELLO, FrameType.OPENED]);
    stream.write("hello");
    await until(() => stream.text === "<hello>", "the echo");
    stream.socket.end();
    await until(() => stream.hasEnded, "the end");
    expect(stream.text).toBe("<hello>bye");
    await until(() => childrenOf(agent.pid).length === 0, "the worker's end");
  });

  test("a server that ends first still gets what comes later [agent.workers]", async () => {
    await using agent = await startAgent({ build });
    let got = "";
    using server = await listen((socket) => {
      socket.on("data", (chunk) => (got += chunk.toString()));
      socket.end("first");
    });
    using stream = await toPort(agent, server.port);
    await until(() => stream.hasEnded, "the server's end");
    stream.socket.end("second");
    await until(() => got === "second", "what came later");
    expect(stream.text).toBe("first");
  });

  test("a port that only listens on ::1 is found, and one where nothing listens is an ERROR [agent.workers]", async () => {
    await using agent = await startAgent({ build });
    using server = await listen((socket) => socket.end("six"), "::1");
    using stream = await toPort(agent, server.port);
    await until(() => stream.text === "six", "the answer over IPv6");
    using refused = await toPort(agent, 1);
    expect(refused.error).toEqual({ code: "start", message: "connect: Connection refused", errno: 111 });
    await until(() => refused.isClosed || refused.hasEnded, "the end");
  });

  test("a slow reader holds the sender back, and every byte comes [agent.workers]", async () => {
    await using agent = await startAgent({ build });
    const size = 20_000_000;
    let sent = 0;
    using server = await listen((socket) => {
      const chunk = Buffer.alloc(100_000, "x");
      const more = (): void => {
        while (sent < size) {
          sent += chunk.length;
          if (!socket.write(chunk)) return void socket.once("drain", more);
        }
        socket.end();
      };
      more();
    });
    using stream = await open(agent, { to: "port", port: server.port }, 0);
    stream.socket.pause();
    await Bun.sleep(300);
    expect(sent).toBeLessThan(size);
    stream.socket.resume();
    await until(() => stream.hasEnded, "the end");
    expect(stream.received).toBe(size);
  });

  test.each([
    ["bytes behind HELLO", Buffer.concat([encodeHello(1, { to: "port", port: 9 }), Buffer.from("x")]), "invalid"],
    ["port 0", encodeHello(1, { to: "port", port: 0 }), "invalid"],
    ["no port", encodeFrame(FrameType.HELLO, 0n, Uint8Array.of(1, 2, 0, 0, 0, 1, 0, 2, 1, 0, 0, 0, 3)), "invalid"],
    [
      "a purpose of the future",
      encodeFrame(FrameType.HELLO, 0n, Uint8Array.of(1, 2, 0, 0, 0, 1, 0, 2, 1, 0, 0, 0, 99)),
      "unsupported",
    ],
  ])("%s is an ERROR and the end of the connection [agent.workers, agent.hostile]", async (_, bytes, code) => {
    await using agent = await startAgent({ build });
    using stream = new AgentStream(agent.socket);
    stream.write(bytes);
    await until(() => stream.hasEnded, "the end");
    expect(stream.error?.code).toBe(code);
    await (await agent.connect()).ping();
  });

  test("a connection that controls cannot take a purpose [agent.workers]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const answer = client.next(({ type }) => type === FrameType.AGENT_ERROR);
    client.send(encodeHello(1, { to: "files" }));
    await answer;
    await client.closed;
  });

  test("65 streams at once: one too many is `busy`, and fits when another one ends [agent.workers]", async () => {
    await using agent = await startAgent({ build });
    using server = await listen(() => undefined);
    const streams = await Promise.all(Array.from({ length: 64 }, () => toPort(agent, server.port)));
    expect(streams.filter((stream) => stream.isOpen).length).toBe(64);
    using refused = await toPort(agent, server.port);
    expect(refused.error?.code).toBe("busy");
    const client = await agent.connect();
    expect((await client.run("echo works")).text).toBe("works\n");
    streams[7]?.socket.destroy();
    await until(() => childrenOf(agent.pid).length === 63, "the worker's end");
    using another = await toPort(agent, server.port);
    expect(another.isOpen).toBe(true);
    for (const stream of streams) stream.socket.destroy();
  });

  test("a worker whose other side is gone ends, though its server never does [agent.workers]", async () => {
    await using agent = await startAgent({ build });
    using server = await listen(() => undefined);
    using stream = await toPort(agent, server.port);
    expect(childrenOf(agent.pid).map(commandLineOf)).toEqual([`agent port ${server.port}`]);
    stream.socket.destroy();
    await until(() => childrenOf(agent.pid).length === 0, "the worker's end", 5000);
  });

  test("a worker that hangs is killed when its other side is gone [agent.workers]", async () => {
    await using agent = await startAgent({ build });
    using server = await listen(() => undefined);
    using stream = await toPort(agent, server.port);
    stream.write(Buffer.alloc(16_000_000));
    await Bun.sleep(200);
    const [pid = 0] = childrenOf(agent.pid);
    // Its server takes nothing more, and what was sent waits: the worker has no reason to end.
    stream.socket.destroy();
    const begin = performance.now();
    await until(() => !childrenOf(agent.pid).includes(pid), "the worker's end", 5000);
    expect(performance.now() - begin).toBeLessThan(4000);
  });

  test("workers end with the agent, renew no lease and have nothing of its descriptors [agent.workers]", async () => {
    await using agent = await startAgent({ build, flags: ["--lease", "1500"] });
    using server = await listen((socket) => socket.on("data", () => socket.write("x")));
    using stream = await toPort(agent, server.port);
    const [pid = 0] = childrenOf(agent.pid);
    expect(readdirSync(`/proc/${pid}/fd`).length).toBe(5);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(/^Name:\tagent-port$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const timer = setInterval(() => stream.write("still here"), 50);
    expect(await agent.exitCode).toBe(0);
    clearInterval(timer);
    await until(() => stream.isClosed || stream.hasEnded, "the end");
    await until(() => !isAlive(pid), "the worker's end");
  });

  test.skipIf(!canBeProcessOne)(
    "a worker is no process of a command: not killed, not counted, not listed [agent.workers, agent.processes]",
    async () => {
      const prefix = ["sh", "-c", 'ip link set lo up; exec "$@"', "sh"];
      await using agent = await startAgent({ build, isProcessOne: true, prefix });
      const client = await agent.connect();
      const echo = `Bun.listen({ hostname: "127.0.0.1", port: 4567, socket: { data: (s, d) => void s.write(d) } });
        console.log("ready");`;
      const server = client.start({ args: [process.execPath, "-e", echo] });
      await until(() => server.text === "ready\n", "the server");
      using stream = await toPort(agent, 4567);
      const orphaned = client.start("sleep 63 & kill -9 $PPID; echo ready; wait");
      await until(() => orphaned.text === "ready\n", "the command");
      await Bun.sleep(100);
      const lines = (await client.processes()).map(({ commandLine }) => commandLine);
      expect(lines.filter((line) => line.startsWith("agent"))).toEqual([]);
      expect(await orphaned.kill(100)).toMatchObject({ killed: 2, survivors: 0, leftCount: 0 });
      stream.write("still there");
      await until(() => stream.text === "still there", "the echo");
      const { text } = await client.run(
        "for p in $(pgrep agent-port); do kill -STOP $p; readlink /proc/$p/fd/3 || echo closed; done",
      );
      expect(text).toBe("closed\n");
      stream.write(", and goes on");
      await until(() => stream.text === "still there, and goes on", "the echo of a stopped worker");
    },
  );
});
