/** `podexec run` of the executable: one command in a fresh sandbox, and nothing left of it. */
import { afterEach, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { executable } from "../support/executable.ts";
import { plainEnvironment } from "../support/run.ts";
import { containerExists, until } from "../support/sandboxes.ts";
import { dataFolder, endAfterAll } from "../support/served.ts";
import { openTerminal } from "../support/terminal.ts";

const LIMIT_MS = 30_000;
const data = dataFolder();
endAfterAll();

const argv = (...words: string[]) => [executable(), "run", "--data-dir", data, "--memory", "256m", ...words];

const limits = { env: plainEnvironment(), timeout: LIMIT_MS, killSignal: "SIGKILL" } as const;

function start(words: string[], stdin: Uint8Array | "ignore" = "ignore") {
  return Bun.spawn(argv(...words), { ...limits, stdin, stdout: "pipe", stderr: "pipe" });
}

async function ended(words: string[], stdin: Uint8Array | "ignore" = "ignore") {
  const child = start(words, stdin);
  const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, status };
}

const sandboxes = () => readdirSync(join(data, "sandboxes"));
/** The only sandbox of this file, once it is there. */
async function running(): Promise<string> {
  await until("the sandbox runs", () => sandboxes().length === 1, LIMIT_MS);
  return sandboxes()[0] ?? "";
}

// Whatever a test did, nothing is left of it.
afterEach(async () => {
  await until("the folder of the sandbox is gone", () => sandboxes().length === 0, LIMIT_MS);
});

test("words reach the program exactly as they are, and its status is the answer's [run.words, run.status]", async () => {
  const { stdout, status } = await ended([
    "--",
    "sh",
    "-c",
    'printf "%s|" "$@"; exit 42',
    "x",
    "a b",
    "$HOME",
    "",
    "*",
  ]);
  expect(stdout).toBe("a b|$HOME||*|");
  expect(status).toBe(42);
});

test.each([
  [["--", "sh", "-c", "kill -9 $$"], 137],
  [["--timeout", "1s", "--", "sleep", "60"], 124],
  [["--", "no-such-program"], 127],
  [["localhost/no-such-image", "--", "true"], 4],
  [["--json"], 2],
])("the status of %j is %d [run.status]", async (words, status) => {
  expect(await ended(words)).toMatchObject({ status });
});

test("standard input comes through whole, also to a reader that is slow on the way out [run.streams]", async () => {
  const bytes = randomBytes(20_000_000);
  const child = start(["--", "cat"], bytes);
  const digest = createHash("sha256");
  let isFirst = true;
  for await (const chunk of child.stdout) {
    if (isFirst) await Bun.sleep(1_000);
    isFirst = false;
    digest.update(chunk);
  }
  expect(await child.exited).toBe(0);
  expect(digest.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
});

test("output comes while the command runs [run.streams]", async () => {
  const words = argv("--", "sh", "-c", "echo early; read line; echo got $line");
  const child = Bun.spawn(words, { ...limits, stdin: "pipe", stdout: "pipe" });
  const reader = child.stdout.getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("early\n");
  await child.stdin.write("late\n");
  await child.stdin.end();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("got late\n");
  expect(await child.exited).toBe(0);
});

test("--json answers with the outcome, head and tail of the output in it [run.json]", async () => {
  const { stdout, status } = await ended(["--json", "--output-limit", "2k", "--", "sh", "-c", "seq 1 9999; exit 3"]);
  const answer = JSON.parse(stdout) as { output: string };
  expect(answer).toMatchObject({ retval: 3, why: "exited", total_bytes: 48_888, truncated: true, survivors: 0 });
  expect(answer.output).toMatch(/^1\n2\n[^]*bytes left out[^]*\n9999\n$/);
  expect(status).toBe(3);
});

test("Ctrl-C is the command's; a second one ends everything [run.signals]", async () => {
  const child = start(["--", "sh", "-c", "trap 'echo caught' INT; echo ready; while :; do sleep 0.05; done"]);
  const said = child.stdout.getReader();
  const next = async () => Buffer.from((await said.read()).value ?? []).toString();
  expect(await next()).toBe("ready\n");
  child.kill("SIGINT");
  expect(await next()).toBe("caught\n");
  await Bun.sleep(600);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
});

test.each(["SIGTERM", "SIGHUP"] as const)("%s removes the sandbox [run.removed]", async (signal) => {
  const child = start(["--", "sleep", "60"]);
  const name = await running();
  await until("its container is there", () => containerExists(name));
  child.kill(signal);
  expect(await child.exited).toBe(130);
  expect(await containerExists(name)).toBe(false);
});

test("nobody reading any more removes the sandbox [run.removed]", async () => {
  const piped = ["sh", "-c", '"$@" | head -n 2', "sh", ...argv("--", "yes")];
  const child = Bun.spawn(piped, { env: plainEnvironment(), stdout: "pipe", timeout: LIMIT_MS });
  const name = await running();
  expect(await child.stdout.text()).toBe("y\ny\n");
  expect(await child.exited).toBe(0);
  expect(await containerExists(name)).toBe(false);
});

test("a run that was killed leaves nothing once its lease is over and another has run [run.removed]", async () => {
  const child = start(["--lease", "5s", "--", "sleep", "60"]);
  const name = await running();
  await until("its container is there", () => containerExists(name));
  child.kill("SIGKILL");
  await until("its lease is over", async () => !(await containerExists(name)), LIMIT_MS);
  expect((await ended(["--", "true"])).status).toBe(0);
  expect(sandboxes()).toEqual([]);
}, 60_000);

test("-t gives a terminal without there being one here [run.terminal]", async () => {
  const { stdout, status } = await ended(["-t", "--", "sh"], Buffer.from("stty size; exit 3\n"));
  expect(stdout).toContain("24 80");
  expect(status).toBe(3);
});

test("on a terminal it is one, with its size and its keys [run.terminal]", async () => {
  const terminal = openTerminal(argv("--", "sh", "-c", "stty size; tty; cat; echo left"));
  try {
    await terminal.shows(/50 200\s+\/dev\/pts\/\d+/, LIMIT_MS);
    terminal.type("typed\r");
    await terminal.shows(/typed\s+typed/);
    terminal.type("\x04");
    await terminal.shows(/left/);
  } finally {
    await until("the sandbox is gone", () => sandboxes().length === 0, LIMIT_MS);
    await terminal.close();
  }
});
