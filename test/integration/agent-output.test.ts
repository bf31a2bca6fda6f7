import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { FROM_END } from "../../src/sandbox/agent/frames-requests.ts";
import { canBeProcessOne, isLinux, startAgent, TESTED_BUILDS } from "../support/agent-harness.ts";

const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
/** Prints the bytes of a counter, so that every place in the output is different. */
const numbers = (bytes: number) => `seq -s, 1 9999999 | head -c ${bytes}`;
const whole = Array.from({ length: 60_000 }, (_, i) => `${i + 1},`)
  .join("")
  .slice(0, 300_000);
const MIB = 1024 * 1024;

describe.skipIf(!isLinux).each(TESTED_BUILDS)("agent, %s build: output", (build) => {
  test("of one line of 10 MB the head and the tail are pushed and the file is whole [output.file]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const options = { head: 5000, tail: 3000 };
    const running = client.start({ args: ["/bin/sh", "-c", numbers(10_000_000)], ...options });
    const exited = await running.exited;
    const whole = readFileSync(exited.file ?? "");
    expect([exited.total, whole.length, exited.dropped]).toEqual([10_000_000, 10_000_000, 0]);
    const expected = await Bun.$`seq -s, 1 9999999 | head -c 10000000`.quiet();
    expect(sha(whole)).toBe(sha(expected.stdout));
    expect(Buffer.concat([whole.subarray(0, 5000), whole.subarray(-3000)]).equals(running.output)).toBe(true);
  });

  test("output of up to 64 KiB makes no file, one byte more does [output.file]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const fits = await client.run(numbers(65_536));
    expect([fits.exited.file, existsSync(agent.spill), fits.text.length]).toEqual([undefined, false, 65_536]);
    const exceeds = await client.run(numbers(65_537));
    expect(statSync(exceeds.exited.file ?? "").size).toBe(65_537);
    expect(exceeds.text).toStartWith(fits.text);
  });

  test("any part of the output can be read, while the command runs and after [output.file]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const running = client.start({ args: ["/bin/sh", "-c", `${numbers(300_000)}; exec sleep 60`], head: 0, tail: 0 });
    await Bun.sleep(500);
    const whole = (await Bun.$`seq -s, 1 9999999 | head -c 300000`.quiet()).stdout;
    for (const [offset, length] of [
      [0, 10],
      [32_760, 20],
      [40_000, 200_000],
      [267_000, 2000],
      [299_990, 100],
    ] as const) {
      const part = await client.read(running.id, BigInt(offset), length);
      expect([part.offset, part.total]).toEqual([offset, 300_000]);
      expect(whole.subarray(offset, offset + length).equals(part.data)).toBe(true);
    }
    await running.kill(0);
    const last = await client.read(running.id, FROM_END, 1000);
    expect([last.offset, whole.subarray(-1000).equals(last.data)]).toEqual([299_000, true]);
    expect((await client.read(running.id, 400_000n, 10)).data.length).toBe(0);
  });

  test("a flood of 300 MB does not move the agent's memory, and is counted [output.flat]", async () => {
    await using agent = await startAgent({ build, flags: ["--spill-limit", String(20 * MIB)] });
    const client = await agent.connect();
    await client.run("true");
    const before = agent.memory;
    const { exited } = await client.run("head -c 300000000 /dev/zero");
    expect([exited.total, exited.dropped]).toEqual([300_000_000, 300_000_000 - 20 * MIB]);
    expect(agent.memory - before).toBeLessThan(build === "release" ? MIB : 4 * MIB);
  });

  test("a reader that does not read neither slows the command nor fills the agent [output.flat]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    client.pause();
    const size = 40_000_000;
    const running = client.start({ args: ["/bin/sh", "-c", numbers(size)], head: size, tail: 0 });
    const second = await agent.connect();
    for (let total = 0; total < size; total = (await second.list())[0]?.total ?? 0) await Bun.sleep(20);
    expect(agent.memory).toBeLessThan(build === "release" ? 4 * MIB : 32 * MIB);
    client.resume();
    await running.exited;
    expect(sha(running.output)).toBe(sha((await Bun.$`seq -s, 1 9999999 | head -c ${size}`.quiet()).stdout));
  });

  test("files of finished commands go, oldest first, when the budget is used up [output.bounded]", async () => {
    await using agent = await startAgent({ build, flags: ["--spill-limit", String(MIB)] });
    const client = await agent.connect();
    const files: string[] = [];
    for (let i = 0; i < 4; i++) files.push((await client.run(numbers(400_000))).exited.file ?? "");
    expect(files.map((file) => existsSync(file))).toEqual([false, false, true, true]);
    const listed = await client.list();
    expect(listed.map(({ exited }) => exited?.file !== undefined)).toEqual([false, false, true, true]);
  });

  test("what the budget has no room for is counted, with both ends kept [output.bounded]", async () => {
    await using agent = await startAgent({ build, flags: ["--spill-limit", "200000"] });
    const client = await agent.connect();
    const running = client.start({ args: ["/bin/sh", "-c", numbers(500_000)], head: 1000, tail: 1000 });
    expect(await running.exited).toMatchObject({ total: 500_000, dropped: 300_000 });
    const gap = await client.read(running.id, 250_000n, 50_000);
    expect(gap.offset).toBe(500_000 - 32_768);
    expect(running.pieces.at(-1)?.offset).toBe(499_000);
  });

  test.skipIf(!canBeProcessOne)(
    "a full disk loses bytes, which are counted, and nothing else [output.bounded]",
    async () => {
      const prefix = ["sh", "-c", 'mount -t tmpfs -o size=256k none /mnt && exec "$@"', "sh"];
      await using agent = await startAgent({ build, isProcessOne: true, prefix, flags: ["--spill-dir", "/mnt"] });
      const client = await agent.connect();
      const running = client.start({ args: ["/bin/sh", "-c", numbers(500_000)], head: 1000, tail: 1000 });
      const exited = await running.exited;
      expect([exited.status, exited.total, exited.dropped]).toEqual([0, 500_000, 500_000 - 262_144]);
      expect(running.pieces.at(-1)?.offset).toBe(499_000);
      expect((await client.read(running.id, 262_000n, 1000)).data.length).toBe(144);
    },
  );

  test("a spill folder that is deleted, or becomes a symbolic link, is not followed [output.file]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    await client.run(numbers(70_000));
    rmSync(agent.spill, { recursive: true });
    const again = await client.run(numbers(70_000));
    expect(readdirSync(agent.spill).length).toBe(1);
    expect(statSync(again.exited.file ?? "").size).toBe(70_000);
    rmSync(agent.spill, { recursive: true });
    mkdirSync(`${agent.spill}-elsewhere`);
    symlinkSync(`${agent.spill}-elsewhere`, agent.spill);
    const refused = await client.run(numbers(70_000));
    expect([refused.exited.file, refused.exited.dropped]).toEqual([undefined, 70_000]);
    expect(readdirSync(`${agent.spill}-elsewhere`)).toEqual([]);
  });

  test("what replaced a file is neither followed nor waited for, and READ is right all the same [output.file]", async () => {
    await using agent = await startAgent({ build, flags: ["--spill-limit", "400000"] });
    const client = await agent.connect();
    for (const replace of ["ln -s /etc/passwd", "mkfifo", "mkdir", "yes evil | head -c 300000 >"]) {
      const running = client.start({ args: ["/bin/sh", "-c", numbers(300_000)], head: 0, tail: 0 });
      const file = (await running.exited).file ?? "";
      rmSync(file);
      await client.run(`${replace} ${file}`);
      const { offset, data } = await client.read(running.id, 100_000n, 1000);
      expect([offset, Buffer.from(data).toString()]).toEqual([100_000, whole.slice(100_000, 101_000)]);
    }
    expect(existsSync("/etc/passwd")).toBe(true);
    expect(readdirSync(agent.spill).length).toBe(4);
  });

  test("a file that its own command replaces is still the agent's own [output.file]", async () => {
    await using agent = await startAgent({ build });
    const client = await agent.connect();
    const swap = `${numbers(300_000)}; for f in ${agent.spill}/*.out; do rm $f; yes evil | head -c 400000 > $f; done`;
    const running = client.start({ args: ["/bin/sh", "-c", `${swap}; ${numbers(100_000)}`], head: 0, tail: 0 });
    await running.exited;
    for (const offset of [100_000, 310_000]) {
      const { data } = await client.read(running.id, BigInt(offset), 1000);
      expect(Buffer.from(data).toString()).toBe(whole.slice(offset % 300_000, (offset % 300_000) + 1000));
    }
  });

  test("FORGET leaves the file, which still counts [output.file]", async () => {
    await using agent = await startAgent({ build, flags: ["--spill-limit", "500000"] });
    const client = await agent.connect();
    const first = client.start({ args: ["/bin/sh", "-c", numbers(300_000)] });
    const file = (await first.exited).file ?? "";
    first.request(10);
    expect([await client.list(), existsSync(file)]).toEqual([[], true]);
    expect((await client.run(numbers(300_000))).exited.dropped).toBe(0);
    expect(existsSync(file)).toBe(false);
  });
});
