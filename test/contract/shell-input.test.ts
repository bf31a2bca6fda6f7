/** What goes into a command and what can be seen of it: input, terminals, lists, parts of the output, secrets. */
import { beforeAll, describe, expect, test } from "bun:test";
import { openShell } from "../support/shell.ts";

const { ask, run } = openShell();

describe("input", () => {
  test("reaches a command whose standard input is open, and ends [command.input]", async () => {
    const { id } = await run("cat; echo ended", { stdin_open: true, stdin: "first\n", wait_ms: 200 });
    expect(await ask("shell_input", { id, text: "second é\n" })).toMatchObject({ output: "second é\n", running: true });
    await ask("shell_input", { id, eof: true });
    expect(await ask("shell_wait", { id })).toMatchObject({ output: "first\nsecond é\nended\n", retval: 0 });
    expect((await ask("shell_input", { id, text: "late" })).text).toMatch(/COMMAND_ENDED/);
  });

  test("is refused where it is closed, and where the key is unknown [command.input]", async () => {
    const { id } = await run("sleep 5", { background: true });
    expect((await ask("shell_input", { id, text: "x" })).text).toMatch(
      /INVALID_PARAMS: id: standard input .* is closed/s,
    );
    const tty = await run("cat", { background: true, tty: true });
    expect((await ask("shell_input", { id: tty.id, keys: ["entr"] })).text).toMatch(/INVALID_PARAMS: keys: .*"entr"/);
    await Promise.all([ask("shell_kill", { id }), ask("shell_kill", { id: tty.id })]);
  });

  test("that nobody reads is bounded [command.input]", async () => {
    const { id } = await run("sleep 20", { stdin_open: true, background: true });
    const text = "x".repeat(131_072);
    const calls = [];
    for (let count = 0; count < 10; count++) calls.push(await ask("shell_input", { id, text, wait_ms: 0 }));
    expect(calls.at(-1)?.text).toMatch(/SANDBOX_BUSY: text: .* does not read its input/);
    await ask("shell_kill", { id });
  });
});

describe("a terminal", () => {
  test("shows its screen, takes keys and another size [tty.drives, tty.screen, command.input]", async () => {
    const { id, ...first } = await run(
      "read -p 'Go on? [y/N] ' answer; echo; stty size; read line; echo $answer-$line",
      {
        tty: { rows: 6, columns: 30 },
        wait_ms: 300,
      },
    );
    expect(first).toMatchObject({ running: true, screen: { cursor: { row: 0, column: 13 }, alternate: false } });
    expect(first.text).toStartWith("[screen, cursor at row 0, column 13]\nGo on? [y/N]\n[still running");
    const second = await ask("shell_input", { id, size: { rows: 8, columns: 50 }, text: "y", keys: ["enter"] });
    expect(second).toMatchObject({ running: true, output: "y\n\n8 50\n" });
    const rest = await ask("shell_input", { id, keys: ["a", "backspace", "b", "enter"], wait_ms: 3_000 });
    expect(rest).toMatchObject({ running: false, retval: 0, output: expect.stringMatching(/y-b\n$/) });
    expect(rest.text).toEndWith("y-b\n");
  });

  test("gets the end of input as Ctrl-D and the interrupt as Ctrl-C [tty.keys]", async () => {
    const { id } = await run("cat; echo ended; sleep 30", { tty: true, wait_ms: 200 });
    expect((await ask("shell_input", { id, text: "typed\n", eof: true })).output).toContain("ended\n");
    await ask("shell_input", { id, keys: ["ctrl-c"] });
    expect(await ask("shell_wait", { id })).toMatchObject({ running: false, why: "signalled", signal: "SIGINT" });
  });
});

describe("shell_list", () => {
  test("shows commands, and processes with what they use [command.list, command.background]", async () => {
    const serve =
      "exec python3 -c 'import socket,time; s=socket.socket(); s.bind((\"127.0.0.1\",0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)'";
    const { id } = await run(serve, { background: true });
    const { output } = await ask("shell_wait", { id, until: "output" });
    const list = await ask("shell_list", {});
    expect(list["commands"]).toContainEqual(expect.objectContaining({ id, state: "running", background: true }));
    const found = (list["processes"] as { id?: string; listening: string[] }[]).find((each) => each.id === id);
    expect(found).toMatchObject({
      command_line: expect.stringContaining("python3"),
      memory_bytes: expect.any(Number),
      listening: [`127.0.0.1:${output.trim()}`],
    });
    await ask("shell_kill", { id });
  });

  test("remembers the last 256 that have ended [command.bounded]", async () => {
    const first = await run("echo first");
    for (let count = 0; count < 260; count++) await run("true");
    expect((await ask("shell_list", {}))["commands_count"]).toBeLessThanOrEqual(256);
    expect((await ask("shell_wait", { id: first.id })).text).toMatch(/^COMMAND_UNKNOWN/);
  }, 30_000);
});

describe("shell_output", () => {
  let id = "";
  beforeAll(async () => {
    ({ id } = await run("seq 200000; echo Needle; printf 'needle at the end'"));
  });

  test.each([
    [{ from: 0, to: 4 }, "1\n2\n"],
    [{ from: -17 }, "needle at the end"],
    [{ from: -24, to: -18 }, "Needle"],
    [{ grep: "needle" }, "1288902:needle at the end\n"],
    [{ grep: "needle", ignore_case: true }, "1288895:Needle\n1288902:needle at the end\n"],
    [{ grep: "19999", from: 1_200_000 }, expect.stringMatching(/^1288818:199990\n(\d+:19999\d\n){9}$/)],
    [{ grep: "no such text" }, ""],
  ])("%j is read [command.output]", async (args, expected) => {
    expect(await ask("shell_output", { id, ...args })).toMatchObject({ output: expected, total_bytes: 1_288_919 });
  });

  test("is bounded, and says where it goes on [command.output]", async () => {
    const page = await ask("shell_output", { id, from: 100 });
    expect(page).toMatchObject({
      to: 4_100,
      text: expect.stringMatching(/\[bytes 100 to 4100 of 1288919; more from 4100\]$/),
    });
    const found = await ask("shell_output", { id, grep: "1" });
    expect(found["matches"]).toBeLessThanOrEqual(500);
    const next = await ask("shell_output", { id, grep: "1", from: found["to"] });
    expect(Number(/^(\d+):/.exec(next.output)?.[1])).toBeGreaterThanOrEqual(Number(found["to"]));
  });
});

describe("secrets", () => {
  test("are masked in output, errors, lists and what is read later [secrets.masked]", async () => {
    const args = { secrets: { DB: "hunter2-hunter2" }, env: { API_TOKEN: "tok-123456", PLAIN: "tok" } };
    const { id, ...result } = await run(
      'echo "$DB"; echo $API_TOKEN $PLAIN; echo $DB > $HOME/f; sh -c "sleep 100; :" "$DB"',
      { ...args, wait_ms: 300 },
    );
    expect(result.output).toBe("***\n*** tok\n");
    expect((await run("cat $HOME/f")).output).toBe("***\n");
    expect((await ask("shell_output", { id, from: 3, to: 10 })).output).toBe("");
    expect((await ask("shell_output", { id, grep: "tok" })).output).toBe("16:*** tok\n");
    const { text } = await ask("shell_list", {});
    expect(text).toContain("sh -c sleep 100; : ***");
    expect(text).not.toContain("hunter2");
    await ask("shell_kill", { id });
    expect((await run("true", { secrets: { A: "abc" } })).text).toMatch(
      /INVALID_PARAMS: shell_exec: secrets: .*4 characters/,
    );
  });
});
