/** A server killed in the middle of commands: the next one tells every output exactly once. */
import { expect, test } from "bun:test";
import { connectHttp } from "../support/mcp-client.ts";
import { callTool } from "../support/tools.ts";
import { dataFolder, endAfterAll, serve } from "../support/served.ts";

endAfterAll();

const LINES = 60;
const counting = (mark: string) => `for i in $(seq ${LINES}); do echo ${mark} $i; sleep 0.05; done; exit 7`;
const whole = (mark: string) => Array.from({ length: LINES }, (_, index) => `${mark} ${index + 1}\n`).join("");

test("after SIGKILL each command's output is read on by its cursor, each byte once [command.recovered, cursor.exact]", async () => {
  const folder = dataFolder();
  const served = await serve(["--pool", "0"], { dataFolder: folder });
  const before = await connectHttp(served.url);
  const first = await callTool(before, "shell_exec", { command: "true" });
  const sandbox = String(first.structured["sandbox"]);
  const started = await Promise.all(
    ["a", "b", "c", "d"].map(async (mark, index) => {
      const args = { command: counting(mark), sandbox, wait_ms: 200 + index * 150, idempotency_key: mark };
      return { mark, args, ...(await callTool(before, "shell_exec", args)).structured };
    }),
  );
  served.kill("SIGKILL");
  await served.exited;
  const next = await serve(["--pool", "0"], { dataFolder: folder });
  const after = await connectHttp(next.url);
  for (const { mark, args, ...seen } of started as {
    mark: string;
    args: object;
    id: string;
    cursor: number;
    output: string;
  }[]) {
    expect(seen.output.length).toBeGreaterThan(0);
    const rest = await callTool(after, "shell_wait", { id: seen.id, cursor: seen.cursor, sandbox });
    expect(rest.structured).toMatchObject({ running: false, retval: 7, why: "exited" });
    expect(seen.output + String(rest.structured["output"])).toBe(whole(mark));
    const again = await callTool(after, "shell_exec", { ...args });
    expect(again.structured).toMatchObject({ id: seen.id, output: whole(mark), retval: 7 });
  }
  await next.stop();
}, 60_000);
