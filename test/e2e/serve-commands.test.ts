/** shell_exec of the executable as the SDK's client meets it, over both transports. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Progress } from "@modelcontextprotocol/sdk/types.js";
import { connectHttp, connectStdio, exec, shellExec, type Connected } from "../support/mcp-client.ts";
import { containerExists, podman, until } from "../support/sandboxes.ts";
import { endAfterAll, ownContainers, serve, type Served } from "../support/served.ts";

const LIMITS = ["--memory", "512m", "--pids-limit", "256", "--pool", "0", "--linger", "0s"];
let http: Served;

beforeAll(async () => {
  http = await serve(LIMITS);
}, 60_000);
endAfterAll();

const TRANSPORTS: [string, () => Promise<Connected>][] = [
  ["HTTP", () => connectHttp(http.url)],
  ["stdio", () => connectStdio(LIMITS)],
];

describe.each(TRANSPORTS)("over %s", (_name, connect) => {
  let agent: Connected;
  beforeAll(async () => {
    agent = await connect();
  }, 60_000);
  afterAll(() => agent.close());
  const stillWorks = async () => expect(await exec(agent, "echo fine")).toMatchObject({ output: "fine\n", retval: 0 });

  test("the tool is listed with its schemas and annotations [http.mcp, stdio.mcp, exec.schema]", async () => {
    const { tools } = await agent.client.listTools();
    const tool = tools.find(({ name }) => name === "shell_exec");
    expect(tool?.inputSchema).toMatchObject({ required: ["command"], additionalProperties: false });
    const { anyOf } = (tool?.outputSchema ?? {}) as { anyOf?: { required: string[] }[] };
    expect(anyOf?.[0]?.required).toContain("retval");
    expect(tool?.annotations).toMatchObject({ readOnlyHint: false, destructiveHint: true });
  });

  test("a command answers with output in order, its status and every field [exec.fields, exec.result]", async () => {
    const { result, text } = await shellExec(agent, { command: "echo one; echo two >&2; echo three; exit 7" });
    expect(result).toMatchObject({ output: "one\ntwo\nthree\n", retval: 7, why: "exited", total_bytes: 14 });
    expect(result).toMatchObject({ truncated: false, killed: 0, survivors: 0, processes_left: [] });
    expect(result.sandbox).toMatch(/^sbx_[0-9a-f]{32}$/);
    expect(text).toStartWith("one\ntwo\nthree\n[exit status 7]");
  });

  test.each([
    ["true", 0, "exited"],
    ["kill -TERM $$", 143, "signalled"],
    ["kill -9 $$", 137, "signalled"],
    ["no-such-program", 127, "exited"],
    ["(exit 5); exit", 5, "exited"],
    ["trap 'exit 9' EXIT; exit 3", 9, "exited"],
    ["eval 'exit 4'; echo never", 4, "exited"],
    ["exec 1>&- 2>&-; exit 6", 6, "exited"],
    ["f() { exit 8; }; x=$(f); f", 8, "exited"],
  ])("%p ends with status %p, %p [exec.status, end.exit]", async (command, retval, why) => {
    expect(await exec(agent, command)).toMatchObject({ retval, why });
  });

  test("stdin is closed unless it is given [exec.stdin-closed, exec.parameters]", async () => {
    expect(await exec(agent, "cat; read x; echo $?")).toMatchObject({ output: "1\n" });
    const told = await exec(agent, 'cat; pwd; printf %s "$V"', { stdin: "in\n", cwd: "/usr", env: { V: "é $x '" } });
    expect(told.output).toBe("in\n/usr\né $x '");
  });

  test("invalid UTF-8, NUL and ten megabytes in one line come through [output.bytes, output.bounded]", async () => {
    expect((await exec(agent, String.raw`printf 'a\377b\0c'`)).output).toBe("a\uFFFDb\0c");
    const long = await exec(agent, "head -c 10000000 /dev/zero | tr '\\0' x");
    expect(long).toMatchObject({ total_bytes: 10_000_000, truncated: true, retval: 0 });
    expect(long.output.length).toBeLessThan(263_000);
    expect((await exec(agent, `wc -c < ${long.output_file}`)).output).toBe("10000000\n");
  });

  test("what goes on in the background is named, and is there at the next call [exec.left]", async () => {
    const left = await exec(agent, "sleep 1000 & setsid nohup sleep 2000 >/dev/null 2>&1 & sleep 0.1; echo up");
    expect(left).toMatchObject({ output: "up\n", retval: 0, processes_left_count: 2 });
    expect((await exec(agent, "pgrep -c sleep; pkill sleep")).output).toBe("2\n");
  });

  test("a time-out ends the whole tree, setsid and nohup included [end.timeout, end.daemon]", async () => {
    const tree = "sleep 101 & (setsid nohup sleep 102 &) ; sleep 103";
    const ended = await exec(agent, tree, { timeout_ms: 500 });
    expect(ended).toMatchObject({ why: "timed_out", retval: 124, survivors: 0 });
    expect((await exec(agent, "pgrep -c sleep")).output).toBe("0\n");
  });

  test("kill -9 1 and kill -9 -1 leave the sandbox in order [end.kill-agent, end.kill-all]", async () => {
    expect(await exec(agent, "kill -9 1; echo alive")).toMatchObject({ output: "alive\n", retval: 0 });
    expect(await exec(agent, "kill -9 -1; exit 4")).toMatchObject({ retval: 4 });
    await stillWorks();
  });

  test("a fork bomb ends and the next call works [end.fork-bomb]", async () => {
    const bomb = "import os\nwhile True:\n try: os.fork()\n except OSError: pass";
    const ended = await exec(agent, `python3 -c '${bomb}'`, { timeout_ms: 1500 });
    expect(ended).toMatchObject({ why: "timed_out", survivors: 0 });
    expect(ended.killed).toBeGreaterThan(50);
    expect(ended.duration_ms).toBeLessThan(15_000);
    await stillWorks();
  }, 60_000);

  test("running out of memory is told as such [end.out-of-memory]", async () => {
    const ended = await exec(agent, "python3 -c 'bytearray(900_000_000)'");
    expect(ended).toMatchObject({ why: "out_of_memory", retval: 137 });
    await stillWorks();
  }, 30_000);

  test("output is told while the command runs [exec.progress]", async () => {
    const seen: [string, number][] = [];
    const begun = Date.now();
    const onprogress = ({ message = "" }: Progress) => seen.push([message, Date.now() - begun]);
    await exec(agent, "echo first; sleep 1.5; echo second; sleep 0.5", {}, { onprogress });
    expect(seen.map(([message]) => message).join("")).toBe("first\nsecond\n");
    expect(seen[0]?.[1]).toBeLessThan(1300);
  });

  test("a cancelled call kills its tree and no other's [end.cancel]", async () => {
    const stop = new AbortController();
    const other = exec(agent, "sleep 2; echo unharmed");
    const cancelled = exec(agent, "sleep 201 & setsid sleep 202 & sleep 203", {}, { signal: stop.signal });
    const failed = cancelled.catch(String);
    await until("it runs", async () => (await exec(agent, "pgrep -xc sleep")).output === "4\n");
    stop.abort("changed my mind");
    expect(await failed).toContain("changed my mind");
    await until("it ended", async () => (await exec(agent, "pgrep -xc sleep")).output === "1\n", 5000);
    expect((await other).output).toBe("unharmed\n");
  }, 30_000);

  test("a wrong argument is named, and a foreign handle is unknown [input.validated, own.foreign]", async () => {
    const wrong = await shellExec(agent, { command: "true", timeout_ms: -1 });
    expect(wrong).toMatchObject({ isError: true, text: expect.stringContaining("timeout_ms") });
    const foreign = await shellExec(agent, { command: "true", sandbox: `sbx_${"0".repeat(32)}` });
    expect(foreign).toMatchObject({ isError: true, text: expect.stringContaining("SANDBOX_UNKNOWN") });
  });

  test("after podman rm from outside the next call has a new sandbox and says so [end.removed, own.replaced]", async () => {
    const before = await exec(agent, "hostname; cat /proc/sys/kernel/random/boot_id > mine");
    const running = exec(agent, "echo working; sleep 300");
    await until("it runs", async () => (await exec(agent, "pgrep -xc sleep")).output === "1\n");
    const names = await ownContainers();
    expect(names).toHaveLength(1);
    await podman(["rm", "--force", "--time", "0", ...names]);
    expect(await running).toMatchObject({ why: "sandbox_gone", retval: null, output: "working\n" });
    const after = await exec(agent, "ls mine");
    expect(after.note).toMatch(/new sandbox.*gone/);
    expect(after.retval).toBe(2);
    expect(after.sandbox).not.toBe(before.sandbox);
    expect(await containerExists(names[0] ?? "")).toBe(false);
    await stillWorks();
  }, 40_000);
});
