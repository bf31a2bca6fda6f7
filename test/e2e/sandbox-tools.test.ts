/** sandbox_create, sandbox_list, sandbox_info and sandbox_close of the executable. */
import { beforeAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectHttp, exec, type Connected } from "../support/mcp-client.ts";
import { toolImage } from "../support/sandboxes.ts";
import { endAfterAll, ownContainers, scratchFolder, serve } from "../support/served.ts";
import { callTool } from "../support/tools.ts";

endAfterAll();

const allowed = scratchFolder();
const LIMITS = ["--memory", "256m", "--cpus", "1", "--max-cpus", "2", "--linger", "0s", "--network", "none"];
let url: string;

beforeAll(async () => {
  const images = ["--allow-image", "localhost/no-such-*"];
  ({ url } = await serve(["--pool", "0", ...LIMITS, ...images, "--allow-workspace", allowed, "--env", "BOTH=server"]));
}, 60_000);

async function create(agent: Connected, args: Record<string, unknown> = {}): Promise<string> {
  const { structured, text } = await callTool(agent, "sandbox_create", args);
  if (typeof structured["sandbox"] !== "string") throw new Error(text);
  return structured["sandbox"];
}

test("the first created is the conversation's own, a further one is reached by its handle [tools.sandbox]", async () => {
  const agent = await connectHttp(url);
  const first = await callTool(agent, "sandbox_create", { name: "first" });
  expect(first.structured).toMatchObject({ name: "first", is_default: true, state: "idle", network: "none" });
  expect((await exec(agent, "echo one > /who; echo ran")).sandbox).toBe(first.structured["sandbox"] as string);
  const second = await create(agent, { name: "second" });
  expect((await exec(agent, "ls /who", { sandbox: second })).retval).not.toBe(0);
  const { structured } = await callTool(agent, "sandbox_list");
  expect(structured["sandboxes"]).toMatchObject([
    { sandbox: first.structured["sandbox"], name: "first", is_default: true },
    { sandbox: second, name: "second", is_default: false },
  ]);
  await callTool(agent, "sandbox_close", { sandbox: second });
  await agent.close();
}, 60_000);

test("what is wished for is what the sandbox has, and sandbox_info tells it [tools.sandbox, limit.wishes]", async () => {
  const agent = await connectHttp(url);
  mkdirSync(join(allowed, "project"));
  writeFileSync(join(allowed, "project", "given"), "from outside\n");
  const wish = {
    workspace: `${join(allowed, "project")}:ro`,
    env: { BOTH: "client", MORE: "x" },
    cpus: 1.5,
    ttl: "1h",
  };
  const sandbox = await create(agent, { memory: "64m", ...wish });
  const { output } = await exec(agent, 'cat given; echo "$BOTH"; touch new', { sandbox });
  expect(output).toContain("from outside\n");
  expect(output).toContain("Read-only file system");
  const { structured } = await callTool(agent, "sandbox_info", { sandbox });
  expect(structured).toMatchObject({
    memory_limit: 64 * 1024 ** 2,
    cpus: 1.5,
    workspace: `${join(allowed, "project")}:ro`,
  });
  const left = Date.parse(String(structured["expires_at"])) - Date.now();
  expect(left).toBeGreaterThan(3_500_000);
  expect(left).toBeLessThanOrEqual(3_600_000);
  await callTool(agent, "sandbox_close", { sandbox });
  await agent.close();
}, 60_000);

test("what the operator did not allow is refused, with the flag that would allow it [limit.wishes]", async () => {
  const agent = await connectHttp(url);
  symlinkSync("/etc", join(allowed, "escape"));
  const refusals: [Record<string, unknown>, string][] = [
    [
      { memory: "257m" },
      "REFUSED: memory: 257m is more than the 256m this server allows\nWhoever runs the server can allow it with --max-memory.",
    ],
    [{ cpus: 2.5 }, "--max-cpus"],
    [{ network: "internet" }, "--network internet"],
    [{ workspace: "/etc" }, "--allow-workspace"],
    [{ workspace: join(allowed, "escape") }, "--allow-workspace"],
    [{ workspace: join(allowed, "..") }, "--allow-workspace"],
    [{ image: "docker.io/library/alpine" }, "--allow-image"],
    [{ image: "--privileged" }, "INVALID_PARAMS: image: that is not the name of an image"],
    [{ image: "localhost/no-such-image" }, "IMAGE_MISSING: the image localhost/no-such-image is not there"],
    [{ memory: "lots" }, "INVALID_PARAMS: memory"],
    [{ memory: 1 }, "INVALID_PARAMS: memory"],
    [{ ttl: "soon" }, "INVALID_PARAMS: ttl"],
    [{ name: "../x" }, "INVALID_PARAMS: sandbox_create: name"],
    [{ env: { "A=B": "c" } }, "INVALID_PARAMS: sandbox_create: env"],
  ];
  for (const [wish, says] of refusals) {
    const { isError, text } = await callTool(agent, "sandbox_create", wish);
    expect({ wish, isError, text }).toEqual({ wish, isError: true, text: expect.stringContaining(says) });
  }
  expect(await ownContainers()).toEqual([]);
  await agent.close();
}, 60_000);

test("sandbox_close says what it ended, and the handle says so afterwards [tools.sandbox]", async () => {
  const agent = await connectHttp(url);
  const { sandbox } = await exec(agent, "true");
  const running = exec(agent, "sleep 600").catch(() => {});
  await Bun.sleep(300);
  const closed = await callTool(agent, "sandbox_close", { sandbox });
  expect(closed.structured).toMatchObject({ sandbox, ended: [{ command: "sleep 600" }], ports_closed: [] });
  expect(await ownContainers()).toEqual([]);
  await running;
  expect((await callTool(agent, "sandbox_info", { sandbox })).text).toStartWith(
    `SANDBOX_GONE: sandbox: ${sandbox} was closed`,
  );
  expect((await callTool(agent, "sandbox_info")).text).toStartWith(
    "SANDBOX_UNKNOWN: sandbox: this conversation has none",
  );
  expect((await exec(agent, "echo new")).note).toContain("the one before was closed");
  await agent.close();
}, 60_000);

test("an image that was asked for is the one it starts from [tools.sandbox]", async () => {
  const agent = await connectHttp(url);
  const sandbox = await create(agent, { image: toolImage });
  expect((await callTool(agent, "sandbox_info", { sandbox })).structured).toMatchObject({ image: toolImage });
  expect((await exec(agent, "echo $BOTH", { sandbox })).retval).toBe(0);
  await callTool(agent, "sandbox_close", { sandbox });
  await agent.close();
}, 60_000);
