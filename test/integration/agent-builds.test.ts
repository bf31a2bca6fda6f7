import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { encodeHello } from "../../src/sandbox/agent/frames-requests.ts";
import { FrameDecoder, FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import {
  BUILDS,
  canBeProcessOne,
  compile,
  isLinux,
  SOURCES,
  startAgent,
  type Build,
} from "../support/agent-harness.ts";

const EMULATOR = "/usr/bin/qemu-aarch64-static";
const has = (program: string) => Bun.which(program) !== null;
const native = process.arch === "arm64" ? "aarch64" : "release";

describe.skipIf(!isLinux)("agent builds", () => {
  test.each(Object.keys(BUILDS) as Build[])("%s compiles without a warning [agent.warnings]", (build) => {
    if (has(BUILDS[build].compiler)) expect(existsSync(compile(build))).toBe(true);
  });

  test("300,000 mutated inputs find nothing in the parsers [agent.fuzzed]", () => {
    const sources = ["test/fuzz.c", "frames.c", "start.c"].map((name) => join(SOURCES, name));
    const fuzz = compile("sanitized", sources, "fuzz");
    const done = spawnSync(fuzz, { encoding: "utf8", timeout: 20_000 });
    expect([done.status, done.stdout, done.stderr]).toEqual([0, "300000 inputs\n", ""]);
  }, 40_000);

  test("--version tells the version [agent.protocol]", () => {
    const done = spawnSync(compile(native), ["--version"], { encoding: "utf8" });
    expect([done.status, done.stdout]).toEqual([0, "test\n"]);
  });

  test.each([
    [["serve", "--socket", "/tmp/x", "--sockte", "y"], "agent: unknown flag '--sockte'"],
    [["serve"], "agent: --socket is missing"],
    [["serve", "--socket"], "agent: --socket needs a value"],
    [["serve", "--socket", "/x", "--lease", "1s"], "agent: --lease needs a whole number, not '1s'"],
    [["connect", "--lease", "1"], "agent: unknown flag '--lease'"],
    [["dance"], "agent: say `agent serve"],
    [[], "agent: say `agent serve"],
  ])("%j is one clear line and status 2 [agent.protocol]", (words, line) => {
    const done = spawnSync(compile(native), words, { encoding: "utf8" });
    expect([done.status, done.stderr.split("\n").length]).toEqual([2, 2]);
    expect(done.stderr).toStartWith(line);
  });

  test.skipIf(!canBeProcessOne).each([
    [["--keep-caps", "chown,magic"], "agent: --keep-caps: there is no capability 'magic'"],
    [["--block", "10.0.0.0/8,nonsense"], "agent: --block: 'nonsense' is not an address"],
    [["--allow", "1.2.3.4/33"], "agent: --allow: '1.2.3.4/33' is not an address"],
  ])("%j stops the agent before it listens [agent.protocol]", async (flags, line) => {
    await using agent = await startAgent({ flags, isProcessOne: true });
    expect(await agent.exitCode).toBe(70);
    expect(agent.stderr).toBe(`${line}\n`);
  });

  test("connect copies bytes both ways until either side ends [agent.protocol]", async () => {
    await using agent = await startAgent();
    const relay = Bun.spawn([compile(native), "connect", "--socket", agent.socket], { stdin: "pipe", stdout: "pipe" });
    void relay.stdin.write(encodeHello(1));
    await relay.stdin.flush();
    const { value } = await relay.stdout.getReader().read();
    expect(new FrameDecoder().push(value ?? new Uint8Array())[0]?.type).toBe(FrameType.AGENT_HELLO);
    await relay.stdin.end();
    expect(await relay.exited).toBe(0);
    const refused = spawnSync(compile(native), ["connect", "--socket", "/etc/passwd"], { encoding: "utf8" });
    expect([refused.status, refused.stderr]).toEqual([69, "agent: connect to /etc/passwd: Connection refused\n"]);
  });

  test("connect hands the end of its input on, and ends when the other side has ended [agent.workers]", async () => {
    await using agent = await startAgent();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let got = "";
      socket.on("data", (chunk) => (got += chunk.toString()));
      socket.on("end", () => socket.end(`got ${got}`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const port = (server.address() as AddressInfo).port;
    const relay = Bun.spawn([compile(native), "connect", "--socket", agent.socket], { stdin: "pipe", stdout: "pipe" });
    void relay.stdin.write(encodeHello(1, { to: "port", port }));
    await relay.stdin.flush();
    const reader = relay.stdout.getReader();
    const decoder = new FrameDecoder();
    for (let types: number[] = []; !types.includes(FrameType.OPENED);)
      types = decoder.push((await reader.read()).value ?? new Uint8Array()).map(({ type }) => type);
    void relay.stdin.write("all of it");
    await relay.stdin.end();
    let answer = "";
    for (let part = await reader.read(); !part.done; part = await reader.read())
      answer += Buffer.from(part.value).toString();
    expect([answer, await relay.exited]).toEqual(["got all of it", 0]);
    server.close();
  });

  // An emulator of user space has neither subreapers of its own nor seccomp: that much is a warning here.
  const canEmulate = existsSync(EMULATOR) && has(BUILDS.aarch64.compiler);
  test.skipIf(!canEmulate)("the aarch64 build runs a command [exe.agents]", async () => {
    await using agent = await startAgent({ build: "aarch64", prefix: [EMULATOR] });
    const client = await agent.connect();
    expect((await client.hello).agent).toBe("test");
    const { exited, text } = await client.run("echo over; exit 3");
    expect([text, exited.status]).toEqual(["over\n", 3]);
    const { exited: killed } = await client.run("sleep 60", { timeoutMs: 200, graceMs: 200 });
    expect(killed).toMatchObject({ killed: 2, survivors: 0 });
  });
});
