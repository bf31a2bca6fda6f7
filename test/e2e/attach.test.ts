/** `podexec attach` of the executable: a person's terminal in a sandbox that somebody else keeps. */
import { beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { executable } from "../support/executable.ts";
import { run as runProgram } from "../support/run.ts";
import { cleanUpAfterAll, openSandbox, run, testData } from "../support/sandboxes.ts";
import { openTerminal } from "../support/terminal.ts";
import { openNotes } from "../../src/sandbox/note.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";

const LIMIT_MS = 20_000;
/** Several runs of the tests share a data folder. */
const ownName = `tool box ${randomBytes(4).toString("hex")}`;
const PROMPT = /sandbox:\S+[#$] $/;
let sandbox: Sandbox;

cleanUpAfterAll();
beforeAll(async () => {
  sandbox = await openSandbox({ network: "none" });
  sandbox.keep(openNotes(testData), { name: ownName });
}, 60_000);

const argv = (...words: string[]) => [executable(), "attach", "--data-dir", testData, ...words];

/** A shell around podexec, to see what it does to the terminal. */
async function person(...words: string[]) {
  const terminal = openTerminal(["sh", "-c", '"$@"; echo "status $?"; stty -a', "sh", ...argv(...words)]);
  return terminal;
}

test("a login shell opens by handle, with size and keys, and exit gives its status [attach.shell]", async () => {
  const terminal = await person(sandbox.handle);
  await terminal.shows(PROMPT, LIMIT_MS);
  terminal.type("stty size; echo $0\r");
  await terminal.shows(/50 200\s+\S*bash/);
  terminal.resize(90, 33);
  await Bun.sleep(200);
  terminal.type("stty size\r");
  await terminal.shows(/33 90/);
  terminal.type("exit 7\r");
  expect(await terminal.shows(/status 7[^]*-?echoe/)).toMatch(/ icanon[^]* echo /);
  await terminal.close();
});

test("what was started in the shell goes on after it [attach.left]", async () => {
  const terminal = await person(sandbox.ref.name);
  await terminal.shows(PROMPT, LIMIT_MS);
  terminal.type("setsid sleep 77.7 & exit\r");
  await terminal.shows(/status 0/);
  await terminal.close();
  expect((await run(sandbox, "pgrep -f 'sleep 77.7'")).retval).toBe(0);
});

test("Ctrl-P Ctrl-Q leaves the shell, which can be joined again [attach.left, attach.terminal]", async () => {
  const first = await person(sandbox.handle);
  await first.shows(PROMPT, LIMIT_MS);
  first.type("word=kept\r");
  await first.shows(PROMPT);
  first.type("\x10\x11");
  const said = await first.shows(/status 0[^]*-?echoe/);
  expect(said).toMatch(/ icanon[^]* echo /);
  await first.close();
  const id = /--command (cmd_[0-9a-f]{16})/.exec(said)?.[1] ?? "";
  const second = await person(sandbox.handle, "--command", id);
  await second.shows(/word=kept/, LIMIT_MS);
  second.type("echo it is $word; exit\r");
  await second.shows(/it is kept[^]*status 0/);
  await second.close();
});

test("the terminal is as before when a signal ends attach [attach.terminal]", async () => {
  const script = 'timeout --foreground -s TERM 2 "$@"; echo "status $?"; stty -a';
  const terminal = openTerminal(["sh", "-c", script, "sh", ...argv(sandbox.handle)]);
  await terminal.shows(PROMPT, LIMIT_MS);
  expect(await terminal.shows(/status 124[^]*-?echoe/)).toMatch(/ icanon[^]* echo /);
  await terminal.close();
});

test("a terminal that goes away ends the shell as a hangup does [attach.terminal]", async () => {
  const terminal = openTerminal(argv(sandbox.handle));
  await terminal.shows(PROMPT, LIMIT_MS);
  terminal.type("echo $$ > /tmp/shell\r");
  await terminal.shows(PROMPT);
  await terminal.hangUp();
  const alive = async () => (await run(sandbox, "kill -0 $(cat /tmp/shell)")).retval === 0;
  const limit = Date.now() + LIMIT_MS;
  while ((await alive()) && Date.now() < limit) await Bun.sleep(100);
  expect(await alive()).toBe(false);
});

test("a program runs by the name of the sandbox, without a terminal too [attach.shell]", async () => {
  expect(await runProgram(argv(ownName, "--", "printf", "%s.", "a b", "c"))).toMatchObject({ stdout: "a b.c." });
});

test("a command that an agent's tool started is not taken from it [attach.refused]", async () => {
  const command = await sandbox.commands.start({ command: "sleep 60", outputLimit: 1024 });
  const words = [sandbox.handle, "--command", command.name];
  const terminal = await person(...words);
  expect(await terminal.shows(/status \d+/, LIMIT_MS)).toMatch(/started by an agent's tool[^]*status 6/);
  await terminal.close();
  await command.kill("killed", 0);
});

test.each([
  [["sbx_0123456789abcdef0123456789abcdef", "--", "true"], 4, "no sandbox of podexec that runs is named sbx_0123"],
  [["podexec-0123456789ab", "--", "true"], 4, "podexec sessions list"],
  [["my tool box", "--", "true"], 4, "no sandbox of podexec that runs is named my tool box"],
  [["sbx_0123456789abcdef0123456789abcdef"], 2, "podexec attach sbx_0123456789abcdef0123456789abcdef -- ls -l"],
  [["x", "--command", "cmd_1"], 2, '"cmd_1" is no command'],
])("attach %j ends with %d and says what to do [attach.refused]", async (words, status, says) => {
  expect((await runProgram(argv(...words), { status })).stderr).toContain(says);
});
