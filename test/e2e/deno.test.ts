/** The same source under Deno, side by side with the compiled executable. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { executable, ROOT } from "../support/executable.ts";
import { connectHttp, connectStdio, exec, type Connected, type Result } from "../support/mcp-client.ts";
import { until } from "../support/sandboxes.ts";
import { endAfterAll, ownContainers, serve } from "../support/served.ts";

endAfterAll();

const DENO = [join(ROOT, "node_modules/.bin/deno"), "run", "-A", join(ROOT, "src/main.ts")];
const COMMANDS: [string, Record<string, unknown>][] = [
  ["echo one; echo two >&2; exit 7", {}],
  ["cat; pwd; echo $V", { stdin: "in", cwd: "/tmp", env: { V: "é" } }],
  ["seq 1000000", {}],
  ["sleep 30", { timeout_ms: 300 }],
  ["kill -TERM $$", {}],
  [String.raw`printf 'a\377\0b'`, {}],
];

/** What must be the same whoever serves. */
async function answers(agent: Connected): Promise<Partial<Result>[]> {
  const results: Partial<Result>[] = [];
  for (const [command, more] of COMMANDS) {
    const result: Result & { id?: string } = await exec(agent, command, more);
    const { duration_ms: _duration, sandbox: _sandbox, output_file: _file, note: _note, id: _id, ...same } = result;
    results.push({ ...same, output: same.output.replaceAll(/is in \S+/g, "is in a file") });
  }
  return results;
}

test("over HTTP Deno serves, runs commands and ends in order, with the executable's results [exe.deno]", async () => {
  const [deno, compiled] = await Promise.all([serve(["--pool", "1"], { program: DENO }), serve(["--pool", "0"])]);
  const agents = await Promise.all([connectHttp(deno.url), connectHttp(compiled.url)]);
  const [ofDeno, ofCompiled] = await Promise.all(agents.map(answers));
  expect(ofDeno).toEqual(ofCompiled ?? []);
  expect(ofDeno?.[0]).toMatchObject({ output: "one\ntwo\n", retval: 7 });
  const [agent] = agents;
  const running = exec(agent, "sleep 600").catch(() => "ended");
  await agent.close();
  expect(await running).toBe("ended");
  expect(await deno.stop()).toBe(0);
  await compiled.stop();
  expect(deno.stdout()).toBe("");
  expect(await ownContainers()).toEqual([]);
}, 90_000);

test("over stdio Deno serves and ends with its input, with the executable's results [exe.deno]", async () => {
  const results: Partial<Result>[][] = [];
  for (const program of [DENO, [executable()]]) {
    const agent = await connectStdio([], { program });
    results.push(await answers(agent));
    await agent.close();
  }
  expect(results[0]).toEqual(results[1] ?? []);
  await until("their sandboxes are gone", async () => (await ownContainers()).length === 0, 20_000);
}, 90_000);
