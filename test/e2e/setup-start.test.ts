import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../support/executable.ts";

const folder = mkdtempSync(join(tmpdir(), "podexec-start-"));
const data = join(folder, "data");
const started: Bun.Subprocess[] = [];
afterAll(async () => {
  started.forEach((child) => child.kill());
  await Promise.all(started.map((child) => child.exited));
  rmSync(folder, { recursive: true, force: true });
});

/** `npm start -- ARGS` as a shell starts it, with installers that only tell that they were called. */
function npmStart(args: string[]) {
  for (const name of ["apt-get", "npm"]) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho ${name} was called >&2\nexit 1\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const npm = Bun.which("npm") ?? "npm";
  const PATH = `${folder}:${process.env["PATH"]}`;
  const argv = [npm, "start", "--silent", "--", ...args, "--data-dir", data];
  const child = Bun.spawn(argv, { cwd: ROOT, env: { ...process.env, PATH }, stdout: "pipe", stderr: "pipe" });
  started.push(child);
  return child;
}

/** Reads a stream until a pattern is in it. */
async function until(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<RegExpExecArray> {
  let said = "";
  for await (const chunk of stream.values({ preventCancel: true })) {
    said += new TextDecoder().decode(chunk);
    const found = pattern.exec(said);
    if (found) return found;
  }
  throw new Error(`never said ${pattern.source}:\n${said}`);
}

test("npm start on a host that is set up is quick, installs nothing, and passes its arguments on [setup.again]", async () => {
  const start = performance.now();
  const child = npmStart(["--help"]);
  const said = await new Response(child.stderr).text();
  expect(await new Response(child.stdout).text()).toContain("podexec serve");
  expect(await child.exited).toBe(0);
  expect(said).not.toContain("was called");
  expect(said.match(/\[set-up\] .*/g)).toHaveLength(4);
  expect(performance.now() - start).toBeLessThan(20_000);
}, 60_000);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`npm start serves, and ${signal} ends it with its sandboxes [setup.start]`, async () => {
    const child = npmStart(["--port", "0"]);
    const [, address = ""] = await until(child.stderr, /(http:\/\/127\.0\.0\.1:\d+)\/mcp/);
    expect((await fetch(`${address}/mcp`)).status).toBe(400);
    const sandbox = await firstSandbox();
    expect(containers()).toContain(sandbox);
    child.kill(signal);
    expect(await child.exited).not.toBe(null);
    expect(containers()).not.toContain(sandbox);
    expect(readdirSync(join(data, "sandboxes"))).toEqual([]);
    expect(await fetch(`${address}/mcp`).catch(() => "refused")).toBe("refused");
  }, 60_000);
}

function containers(): string[] {
  return Bun.spawnSync(["podman", "ps", "--format", "{{.Names}}"]).stdout.toString().split("\n");
}

/** The name of the sandbox that the server keeps ready: its folder is named like its container. */
async function firstSandbox(): Promise<string> {
  for (;;) {
    const [name] = existsSync(join(data, "sandboxes")) ? readdirSync(join(data, "sandboxes")) : [];
    if (name && containers().includes(name)) return name;
    await Bun.sleep(50);
  }
}

test("npm test sets up, runs what is asked for, and ends with its totals [setup.test, setup.totals]", async () => {
  const child = Bun.spawn(["npm", "test", "--silent", "--", "nearest.test"], { cwd: ROOT, stderr: "pipe" });
  const lines = (await new Response(child.stdout).text()).trimEnd().split("\n");
  expect(lines.at(-1)).toMatch(/^([2-9]|\d\d+) passed, 0 failed, 0 skipped$/);
  expect(await child.exited).toBe(0);
}, 180_000);
