import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../support/executable.ts";
import { run } from "../support/run.ts";

/** What the issue asks to be measured, as the first column has it. */
const ROWS = [
  /^command over HTTP, p50 .*<= native/,
  /^command over HTTP, p99 /,
  /^command over stdio, p50 /,
  /^command over stdio, p99 /,
  /^native: /,
  /^first command of a session, pooled .*< 15 ms/,
  /^first command of a session, no pool /,
  /^commands over \d+ sessions .*>= 400 calls\/s/,
  /^\d+ sessions at once, one command each: failures +0 .*yes$/,
  /^\d+ sessions at once, until all have answered /,
  /^\d+ MB of output in one command /,
  /^\d+ MB of output, throughput /,
  /^file_read of 1 KB, p50 .*< 3 ms/,
  /^file_read of 1 MB, p50 /,
  /^\d+ MB into a sandbox, cp .*>= 300 MB\/s/,
  /^\d+ MB out of it, cp .*>= 300 MB\/s/,
  /^server memory over \d+ commands .*10 %/,
  /^memory of a sandbox: .*<= 3 MB/,
  /^memory of the idle server, resident /,
  /^\d+ commands waiting in \d+ sandboxes: CPU of the server .*< 1 %/,
  /^\d+ commands waiting in \d+ sandboxes: CPU of all sandboxes together .*< 1 %/,
  /^start to listening .*< 300 ms/,
  /^restart after SIGKILL with \d+ sandboxes: added to the start .*< 100 ms/,
  /^restart after SIGKILL with \d+ sandboxes: the first command /,
];

test("one command measures podexec beside plain podman exec and prints every row [speed.bench]", async () => {
  const argv = [process.execPath, join(ROOT, "test/bench/main.ts"), "--quick"];
  const { stdout } = await run(argv, { timeoutMs: 170_000 });
  const lines = stdout.trim().split("\n");
  expect(lines[0]).toMatch(/^what +podexec +podman exec +ratio +target +met$/);
  expect(ROWS.filter((row) => !lines.some((line) => row.test(line)))).toEqual([]);
  expect(lines.filter((line) => /NaN|undefined/.test(line))).toEqual([]);
}, 180_000);
