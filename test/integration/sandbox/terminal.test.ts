/** Programs on a terminal, driven as a model does it: type, look at the screen, type on. */
import { beforeAll, expect, test } from "bun:test";
import type { Command } from "../../../src/sandbox/commands/command.ts";
import { keyBytes } from "../../../src/sandbox/output/keys.ts";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { cleanUpAfterAll, openSandbox, run, until } from "../../support/sandboxes.ts";

cleanUpAfterAll();

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await openSandbox();
}, 60_000);

const open = (command: string, terminal = { rows: 24, columns: 80 }) =>
  sandbox.commands.start({ command, terminal, outputLimit: 100_000, timeoutMs: 30_000 });
const type = (command: Command, text: string, ...keys: string[]) =>
  command.link.input(Buffer.from(text + keys.map((key) => keyBytes(key) ?? "").join("")));
const rowsOf = async (command: Command) => (await command.screen())?.rows ?? [];
const shows = (command: Command, text: string) =>
  until(`the screen shows ${text}`, async () => (await rowsOf(command)).join("\n").includes(text));

test("vim writes a file [tty.drives, tty.screen]", async () => {
  const installed = await run(sandbox, "(apt-get update && apt-get install -y --no-install-recommends vim-tiny) 2>&1", {
    timeoutMs: 60_000,
  });
  expect(installed).toMatchObject({ retval: 0 });
  const vim = await open("vi -u NONE -N /tmp/written.txt");
  await shows(vim, "written.txt");
  expect(await vim.screen()).toMatchObject({ isAlternate: true });
  await type(vim, "ihello from vim");
  await shows(vim, "hello from vim");
  await type(vim, "", "escape");
  await type(vim, ":wq", "enter");
  expect(await vim.untilEnd({ waitMs: 10_000 })).toBe(true);
  expect(await vim.outcome(1_000)).toMatchObject({ why: "exited", retval: 0 });
  expect((await run(sandbox, "cat /tmp/written.txt")).output).toBe("hello from vim\n");
}, 90_000);

test("the Python prompt answers line by line, and ends with Ctrl-D [tty.drives, tty.keys]", async () => {
  const python = await open("python3 -q");
  await shows(python, ">>>");
  await type(python, "6 * 7", "enter");
  await shows(python, "42");
  await type(python, "while True: pass", "enter", "enter");
  await Bun.sleep(200);
  await type(python, "", "ctrl-c");
  await shows(python, "KeyboardInterrupt");
  await type(python, "", "ctrl-d");
  expect(await python.untilEnd({ waitMs: 10_000 })).toBe(true);
  const { output } = await python.outcome(10_000);
  expect(output).toContain("\r42\n");
  expect(output).not.toContain("\x1b");
}, 30_000);

test("a [y/N] prompt gets its answer [tty.drives]", async () => {
  const prompt = await open('read -p "Really? [y/N] " answer; echo "answer: $answer"; test -t 0 && echo "$TERM"');
  await shows(prompt, "[y/N]");
  await type(prompt, "y", "enter");
  expect(await prompt.untilEnd({ waitMs: 10_000 })).toBe(true);
  expect((await prompt.outcome(1_000)).output).toBe("Really? [y/N] y\nanswer: y\nxterm-256color\n");
}, 30_000);

test("a program follows the terminal's size [tty.screen]", async () => {
  const shell = await open("trap 'stty size' WINCH; stty size; while :; do sleep 0.1; done", { rows: 10, columns: 40 });
  await shows(shell, "10 40");
  await shell.resize({ rows: 30, columns: 100 });
  await shows(shell, "30 100");
  expect(await rowsOf(shell)).toHaveLength(30);
  expect(await shell.kill("killed")).toMatchObject({ survivors: 0 });
}, 30_000);

test("a flood of escape sequences costs bounded time, and the command is ended as any other [tty.bounded]", async () => {
  const flood = await open("while :; do printf '\\033[2J\\033[9999999999L\\033[2147483647b\\033]0;x'; done");
  await Bun.sleep(1_000);
  const startedAt = performance.now();
  expect(await rowsOf(flood)).toHaveLength(24);
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  expect(await flood.kill("killed")).toMatchObject({ survivors: 0 });
}, 30_000);
