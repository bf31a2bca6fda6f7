/** Commands as a client sees them: ids, waits, keys, input, ends. */
import { describe, expect, test } from "bun:test";
import type { ToolContext } from "../../src/mcp/tool.ts";
import { shellExec } from "../../src/mcp/tools/shell-exec.ts";
import { connect } from "../support/mcp-app.ts";
import { openShell } from "../support/shell.ts";

const { app, ask, run } = openShell();

describe("a command that takes longer than the wait", () => {
  test("goes on: the result says so, in words that lead on [command.id]", async () => {
    const first = await run("echo one; sleep 0.4; echo two; exit 3", { wait_ms: 150 });
    expect(first).toMatchObject({ running: true, why: "running", retval: null, output: "one\n", isError: false });
    expect(first.text).toContain(`still running; shell_wait {"id": "${first.id}", "cursor": 4} goes on`);
    const rest = await ask("shell_wait", { id: first.id, cursor: first.cursor });
    expect(rest).toMatchObject({ running: false, why: "exited", retval: 3, output: "two\n", cursor: 8 });
    expect(await ask("shell_wait", { id: first.id, cursor: 8 })).toMatchObject({ output: "", retval: 3 });
  });

  test("is read by several at once, each byte once, in pages [command.wait, cursor.exact]", async () => {
    const { id } = await run("for i in $(seq 400); do printf 'line %s é😀\\n' $i; done; sleep 0.3; echo end", {
      wait_ms: 0,
    });
    const read = async (until: string) => {
      let said = "";
      for (let cursor = 0, isOver = false; !isOver;) {
        const page = await ask("shell_wait", { id, cursor, until, wait_ms: 2_000 });
        said += page.output;
        cursor = page.cursor;
        isOver = page["running"] === false && page["more_bytes"] === undefined;
      }
      return said;
    };
    const whole = `${Array.from({ length: 400 }, (_, n) => `line ${n + 1} é😀\n`).join("")}end\n`;
    expect(await Promise.all([read("output"), read("end"), read("output")])).toEqual([whole, whole, whole]);
  });

  test("is waited for until there is output [command.wait]", async () => {
    const { id, cursor } = await run("sleep 0.2; echo ready; sleep 30", { background: true });
    const startedAt = performance.now();
    const page = await ask("shell_wait", { id, cursor, until: "output", wait_ms: 10_000 });
    expect(page).toMatchObject({ output: "ready\n", running: true });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await ask("shell_wait", { id, cursor: page.cursor, until: "output", wait_ms: 100 })).toMatchObject({
      output: "",
    });
    expect(await ask("shell_kill", { id })).toMatchObject({ running: false, survivors: 0 });
    expect(await ask("shell_wait", { id, cursor: page.cursor })).toMatchObject({ why: "killed", retval: 143 });
  });

  test("ends at its time limit, counted from the start [command.id]", async () => {
    const { id } = await run("sleep 60", { wait_ms: 0, timeout_ms: 300 });
    expect(await ask("shell_wait", { id })).toMatchObject({ why: "timed_out", retval: 124, survivors: 0 });
  });
});

describe("an idempotency key", () => {
  const command = "echo ran >> $HOME/runs; sleep 0.3; wc -l < $HOME/runs";
  test("runs a command once, and all calls get its result [command.idempotent]", async () => {
    const key = { idempotency_key: "once" };
    const all = await Promise.all([run(command, key), run(command, key), run(command, key)]);
    all.push(await run(command, key));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(all.map(({ output }) => output)).toEqual(["1\n", "1\n", "1\n", "1\n"]);
  });

  test("finds its command over another connection, whose session has a sandbox already [command.idempotent]", async () => {
    const key = { idempotency_key: "anywhere" };
    const { output, sandbox } = await run("echo $$", key);
    const { client: other } = await connect(app);
    await other.callTool({ name: "shell_exec", arguments: { command: "true" } });
    const again = await other.callTool({ name: "shell_exec", arguments: { command: "echo $$", ...key } });
    expect(again.structuredContent).toMatchObject({ output, sandbox });
    await other.close();
  });

  test("belongs to one command, with its folder, variables and input [command.idempotent]", async () => {
    await run("pwd", { idempotency_key: "where", cwd: "/" });
    const refused = await run("pwd", { idempotency_key: "where", cwd: "/tmp" });
    expect(refused).toMatchObject({ isError: true, text: expect.stringContaining("INVALID_PARAMS: idempotency_key") });
  });

  test("belongs to one command [command.idempotent]", async () => {
    await run("echo a", { idempotency_key: "other" });
    const refused = await run("echo b", { idempotency_key: "other" });
    expect(refused).toMatchObject({ isError: true, text: expect.stringContaining("INVALID_PARAMS: idempotency_key") });
  });
});

describe("a call that is given up", () => {
  const giveUp = async (cancelMeans: "end" | "detach", args: Record<string, unknown>) => {
    const stop = new AbortController();
    const caller = { principal: "local", session: "given-up" };
    const services = { registry: app.registry, limits: { timeoutMs: 60_000, outputBytes: 4_000 }, ports: app.ports };
    const context: ToolContext = { caller, services, cancelMeans, signal: stop.signal, progress: () => {} };
    const calling = shellExec.run(shellExec.input.parse({ command: "sleep 0.5; echo done", ...args }), context);
    setTimeout(() => stop.abort(), 150);
    const answer = await calling.catch((error: unknown) => String(error));
    const { sandbox } = await app.registry.acquire(caller);
    return { answer, command: sandbox.commands.list().at(-1) };
  };

  test("ends its command, unless its connection was cut and it has a key [command.detach]", async () => {
    for (const [means, args] of [
      ["end", { idempotency_key: "k1" }],
      ["detach", {}],
    ] as const) {
      expect((await giveUp(means, args)).answer).toMatchObject({ structured: { why: "cancelled", survivors: 0 } });
    }
    const { answer, command } = await giveUp("detach", { idempotency_key: "k2" });
    expect(answer).toContain("goes on");
    expect(command?.isRunning).toBe(true);
    expect(await command?.untilEnd({ waitMs: 5_000 })).toBe(true);
    expect(await command?.outcome(100)).toMatchObject({ why: "exited", output: "done\n" });
  });
});

describe("an end", () => {
  const tree = "sleep 301 & (setsid sleep 302 &); setsid sh -c 'sleep 303 & exec sleep 304' & echo up; sleep 305";
  test("by shell_kill takes the whole tree, and nothing else [command.kill]", async () => {
    const other = run("sleep 0.8; echo unharmed");
    const { id } = await run(tree, { wait_ms: 300 });
    const killed = await ask("shell_kill", { id });
    expect(killed).toMatchObject({
      running: false,
      survivors: 0,
      text: expect.stringMatching(/killed \d, survivors 0/),
    });
    expect(killed["killed"]).toBeGreaterThanOrEqual(5);
    expect(await other).toMatchObject({ output: "unharmed\n", retval: 0 });
  });

  test("reaches what a finished command has left [command.kill-left]", async () => {
    const { id, ...left } = await run("sleep 401 & setsid sleep 402 & echo started");
    expect(left).toMatchObject({ running: false, processes_left_count: 2 });
    expect(await ask("shell_kill", { id })).toMatchObject({ killed: 2, survivors: 0 });
    expect(await ask("shell_kill", { id })).toMatchObject({ killed: 0, survivors: 0 });
    const { processes } = (await ask("shell_list", {})) as unknown as { processes: { command_line: string }[] };
    expect(processes.filter(({ command_line }) => command_line.startsWith("sleep 40"))).toEqual([]);
  });

  test("of a command that ignores SIGTERM comes after the grace, or at once [command.kill]", async () => {
    const { id } = await run("trap '' TERM; while :; do sleep 1; done", { wait_ms: 100 });
    const startedAt = performance.now();
    expect(await ask("shell_kill", { id, signal: "SIGKILL" })).toMatchObject({ running: false, survivors: 0 });
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  test("is not what other signals mean [command.signal]", async () => {
    const { id } = await run("trap 'echo got it; exit 7' USR1; while :; do sleep 0.05; done", { wait_ms: 150 });
    expect(await ask("shell_kill", { id, signal: "USR1" })).toMatchObject({ killed: 0 });
    expect(await ask("shell_wait", { id })).toMatchObject({ output: "got it\n", retval: 7, why: "exited" });
    expect((await ask("shell_kill", { id, signal: "USR1" })).text).toMatch(/COMMAND_ENDED/);
    expect((await ask("shell_kill", { id, signal: "SIGNOSUCH" })).text).toMatch(/INVALID_PARAMS: signal/);
  });
});
