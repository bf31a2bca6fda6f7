import { beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { cleanUpAfterAll, openSandbox, run } from "../../support/sandboxes.ts";

cleanUpAfterAll();

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await openSandbox();
}, 60_000);

test("a command answers with its output and its status [exec.result]", async () => {
  const outcome = await run(sandbox, "echo one; echo two >&2; echo three; exit 7");
  expect(outcome).toMatchObject({ output: "one\ntwo\nthree\n", retval: 7, why: "exited", truncated: false });
  expect(outcome.totalBytes).toBe(14);
});

test.each([
  ["true", 0, "exited"],
  ["false", 1, "exited"],
  ["exit 255", 255, "exited"],
  ["kill -9 $$", 137, "signalled"],
  ["kill -TERM $$", 143, "signalled"],
  ["sh -c 'kill -SEGV $$'", 139, "exited"],
  ["no-such-program", 127, "exited"],
  ["/etc/hostname", 126, "exited"],
  ["if then", 2, "exited"],
  ["exec sh -c 'exit 3'", 3, "exited"],
  ["(exit 5)", 5, "exited"],
  ["set -e; false; echo never", 1, "exited"],
])("%p ends with status %p because it was %p [exec.status]", async (command, retval, why) => {
  expect(await run(sandbox, command)).toMatchObject({ retval, why });
});

test("commands run in a login shell in the workspace with a UTF-8 locale [exec.login-shell]", async () => {
  const outcome = await run(sandbox, 'pwd; echo "$HOME $LANG"; id -u');
  expect(outcome.output).toBe("/workspace\n/root C.UTF-8\n0\n");
});

test("commands run in the workspace again after it was removed and made anew [exec.login-shell]", async () => {
  const own = await openSandbox();
  await run(own, "rm -rf /workspace && mkdir /workspace");
  expect((await run(own, "pwd; touch file; ls")).output).toBe("/workspace\nfile\n");
  expect((await own.files.stat("file")).path).toBe("/workspace/file");
});

test("cwd, env and stdin reach the command byte for byte [exec.parameters]", async () => {
  const value = "a 'b' \"c\" $(touch /tmp/injected) \\ \n é";
  const outcome = await run(sandbox, 'pwd; printf %s "$V" | sha256sum; sha256sum; ls /tmp/injected', {
    cwd: "/usr/share",
    env: { V: value },
    stdin: value.repeat(100_000),
  });
  const digest = (text: string) => createHash("sha256").update(text).digest("hex");
  expect(outcome.output).toStartWith(`/usr/share\n${digest(value)}  -\n${digest(value.repeat(100_000))}  -\n`);
  expect(outcome.output).toContain("cannot access '/tmp/injected'");
}, 20_000);

test("a missing cwd is told apart from a failing command [exec.not-started]", async () => {
  const outcome = await run(sandbox, "true", { cwd: "/no/such/folder" });
  expect(outcome).toMatchObject({ why: "not_started", retval: 126 });
  expect(outcome.message).toContain("/no/such/folder");
});

test("standard input is closed by default, so nothing waits for it [exec.stdin-closed]", async () => {
  const outcome = await run(sandbox, "cat; read line; echo $?; python3 -c 'input()' 2>&1 | tail -1", {
    timeoutMs: 5000,
  });
  expect(outcome).toMatchObject({ output: "1\nEOFError: EOF when reading a line\n", why: "exited" });
});

test("invalid UTF-8 is replaced and NUL bytes pass [output.bytes]", async () => {
  const outcome = await run(sandbox, String.raw`printf 'a\377b\0c\303\251'`);
  expect(outcome).toMatchObject({ output: "a\uFFFDb\0cé", totalBytes: 7, truncated: false });
});

test("ten megabytes in one line come back as head and tail, whole in the file [output.bounded, output.file]", async () => {
  const outcome = await run(sandbox, `head -c 10000000 /dev/zero | tr '\\0' 'x'; printf END`);
  expect(outcome).toMatchObject({ totalBytes: 10_000_003, truncated: true, retval: 0 });
  expect(outcome.output.length).toBeLessThan(262_144 + 200);
  expect(outcome.output).toStartWith("xxx");
  expect(outcome.output).toEndWith("xEND");
  expect(outcome.output).toContain(`bytes left out; the whole output is in ${outcome.outputFile}`);
  const file = await run(sandbox, `wc -c < ${outcome.outputFile}; tail -c 4 ${outcome.outputFile}`);
  expect(file.output).toBe("10000003\nxEND");
});

test.each([65_535, 65_536, 65_537, 262_143, 262_144])("%p bytes come back whole [output.bounded]", async (size) => {
  const outcome = await run(sandbox, `head -c ${size} /dev/zero | tr '\\0' y`);
  expect(outcome).toMatchObject({ output: "y".repeat(size), totalBytes: size, truncated: false });
});

test("one byte more than the bound is cut, and says how much [output.bounded]", async () => {
  const outcome = await run(sandbox, "head -c 262145 /dev/zero | tr '\\0' y");
  expect(outcome).toMatchObject({ totalBytes: 262_145, truncated: true });
  expect(outcome.output).toContain("[... 1 bytes left out");
});

test("commands run side by side without disturbing each other [exec.concurrent]", async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, n) => run(sandbox, `sleep 0.$((RANDOM % 3)); echo ${n}; exit ${n}`)),
  );
  expect(outcomes.map(({ output, retval }) => [output, retval])).toEqual(outcomes.map((_, n) => [`${n}\n`, n]));
});

test("what is left in the background goes on and is named [exec.left]", async () => {
  const outcome = await run(sandbox, "sleep 1000 & setsid nohup sleep 2000 >/dev/null 2>&1 & sleep 0.1; echo started");
  expect(outcome).toMatchObject({ output: "started\n", why: "exited", retval: 0, leftCount: 2 });
  expect(outcome.left.map(({ command }) => command).toSorted()).toEqual(["sleep 1000", "sleep 2000"]);
  expect((await run(sandbox, "pgrep -c sleep")).output).toBe("2\n");
  await run(sandbox, "pkill sleep");
});

test("output is told while the command runs [exec.progress]", async () => {
  const seen: string[] = [];
  const running = run(sandbox, "echo first; sleep 1; echo second", {}, { onOutput: (text) => seen.push(text) });
  await Bun.sleep(500);
  expect(seen.join("")).toBe("first\n");
  await running;
  expect(seen.join("")).toBe("first\nsecond\n");
});
