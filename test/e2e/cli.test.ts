/** The executable on the command line, as a person starts it; nothing here needs Podman. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { callables } from "../../src/commands/usage.ts";
import { commands } from "../../src/commands/index.ts";
import { executable, ROOT } from "../support/executable.ts";
import { plainEnvironment, run } from "../support/run.ts";

const podexec = executable();
const folder = mkdtempSync(join(tmpdir(), "podexec-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("podexec alone shows every verb of the table [cli.table, cli.help]", async () => {
  const { stdout, stderr } = await run([podexec]);
  for (const { name, summary } of callables(commands))
    expect(stdout).toMatch(new RegExp(`^  ${name} +${summary}$`, "m"));
  expect(stderr).toBe("");
});

test.each(callables(commands).map(({ name }) => name))("podexec %s --help shows its usage [cli.help]", async (name) => {
  const { stdout, stderr } = await run([podexec, ...name.split(" "), "--help"]);
  expect(stdout).toStartWith(`Usage: podexec ${name}`);
  expect(stderr).toBe("");
});

test.each([
  ["srve", 'unknown command "srve"', 'Did you mean "podexec serve"?'],
  ["serve --prot 1", "unknown flag --prot for podexec serve", "Did you mean --port?"],
  ["serve --transport htp", '--transport: "htp" is none of http, stdio', "Did you mean http?"],
  ["serve --port x", '--port: "x" is not a whole number from 0 to 65535', "`podexec serve --help` shows every option."],
  ["sessions lst", 'unknown command "lst"', 'Did you mean "podexec sessions list"?'],
  ["version now", 'unexpected argument "now" for podexec version', "`podexec version --help` shows what is accepted."],
])("podexec %s is refused with status 2 [cli.unknown, cli.strict]", async (line, message, hint) => {
  const { stdout, stderr } = await run([podexec, ...line.split(" ")], { status: 2 });
  expect({ stdout, stderr }).toEqual({ stdout: "", stderr: `podexec: ${message}\n  ${hint}\n` });
});

test("a variable that means nothing is told, with what was probably meant [config.unknown]", async () => {
  const env = { MCP_HOST: "0.0.0.0", PODEXEC_MEMROY: "1g", PODEXEC_XYZZY: "1" };
  const { stderr } = await run([podexec, "serve"], { status: 6, env });
  expect(stderr).toContain("PODEXEC_MEMROY means nothing to podexec; did you mean PODEXEC_MEMORY?");
  expect(stderr).toMatch(/PODEXEC_XYZZY means nothing to podexec\n/);
});

test.each([
  [["--data-dir", "/proc/nowhere"], "/proc/nowhere cannot be written (ENOENT)", "PODEXEC_DATA_DIR"],
  [["--data-dir", "/etc/passwd"], "/etc/passwd is no folder", "--data-dir"],
  [["--token-file", "/nowhere"], "--token-file: /nowhere cannot be read (ENOENT)", "PODEXEC_TOKEN"],
])("serve %j says what is wrong with it and the next step [config.errors]", async (flags, says, next) => {
  const { stderr } = await run([podexec, "serve", "--port", "0", ...flags], { status: 2 });
  expect(stderr).toContain(says);
  expect(stderr).toContain(next);
});

test("where the log is JSON a failure is too [cli.json]", async () => {
  for (const [flags, env] of [
    [["--log-format", "json"], {}],
    [[], { PODEXEC_LOG_FORMAT: "json" }],
  ] as const) {
    const { stderr } = await run([podexec, "serve", "--port", "x", ...flags], { status: 2, env });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "INVALID_CONFIG" } });
  }
});

test("serve beyond loopback without a token is refused with status 6 [config.open]", async () => {
  const { stderr } = await run([podexec, "serve"], { status: 6, env: { MCP_HOST: "0.0.0.0" } });
  expect(stderr).toContain("0.0.0.0 (MCP_HOST) is reachable from outside, and no token is set");
});

test("version tells the package's version, and what the executable is made of [cli.version]", async () => {
  expect((await run([podexec, "version"])).stdout).toBe(`podexec ${manifest.version}\n`);
  expect((await run([podexec, "--version"])).stdout).toBe(`podexec ${manifest.version}\n`);
  const { commit, ...made } = JSON.parse((await run([podexec, "version", "--json"])).stdout) as { commit: unknown };
  expect(commit === null ? "none" : commit).toMatch(/^(none|[0-9a-f]{7,40}(-changed)?)$/);
  expect(made).toEqual({
    version: manifest.version,
    runtime: { name: "bun", version: Bun.version, compiled: true },
    platform: `${process.platform}-${process.arch}`,
    agent: ["x86_64", "aarch64"],
  });
});

test.each([
  ["bun", [process.execPath, "src/main.ts"]],
  ["deno", [join(ROOT, "node_modules/.bin/deno"), "run", "-A", "src/main.ts"]],
])("from source under %s it is the same [cli.version, cli.unknown]", async (name, program) => {
  const { stdout } = await run([...program, "version", "--json"], { cwd: ROOT });
  expect(JSON.parse(stdout)).toMatchObject({ version: manifest.version, runtime: { name, compiled: false } });
  const { stderr } = await run([...program, "serve", "--prot", "1"], { cwd: ROOT, status: 2 });
  expect(stderr).toContain("Did you mean --port?");
});

test("with --json a failure is one JSON object on stderr, and the status stays [cli.json]", async () => {
  const { stdout, stderr } = await run([podexec, "sessions", "list", "--json", "--bogus"], { status: 2 });
  expect(stdout).toBe("");
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: "USAGE", message: expect.stringContaining("--bogus") } });
});

test.each(["head -n 1", "true", "head -c 1"])(
  "a reader like %p that leaves early is no failure [cli.stdout]",
  async (reader) => {
    const line = `"$0" completion bash | ${reader} >/dev/null; echo "\${PIPESTATUS[0]}"`;
    expect(await run(["bash", "-c", line, podexec])).toEqual({ stdout: "0\n", stderr: "" });
  },
);

test("a slow reader gets everything [cli.stdout]", async () => {
  const whole = (await run([podexec, "completion", "zsh"])).stdout;
  const { stdout } = await run(["bash", "-c", '"$0" completion zsh | (sleep 0.3; cat)', podexec]);
  expect(stdout).toBe(whole);
});

/** A podman that hangs; it tells by a file that it was started. */
function hangingPodman(name: string): { program: string; started: () => Promise<void> } {
  const program = join(folder, name);
  const mark = `${program}.started`;
  writeFileSync(program, `#!/bin/sh\n: >"${mark}"\nexec sleep 30\n`);
  chmodSync(program, 0o755);
  const started = async () => {
    while (!(await Bun.file(mark).exists())) await Bun.sleep(10);
  };
  return { program, started };
}

function serveOn(program: string, wrapper: string[] = []) {
  const argv = [...wrapper, podexec, "serve", "--port", "0", "--podman", program, "--data-dir", join(folder, "data")];
  return Bun.spawn(argv, { env: plainEnvironment(), stdout: "pipe", stderr: "pipe", timeout: 20_000 });
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s interrupts a start with status 130 [cli.signals]",
  async (signal) => {
    const { program, started } = hangingPodman(`podman-${signal}`);
    const child = serveOn(program);
    await started();
    child.kill(signal);
    expect(await child.exited).toBe(130);
    expect(await child.stderr.text()).toContain(`podexec: interrupted by ${signal}`);
  },
  30_000,
);

test.skipIf(process.platform !== "linux")(
  "nohup holds: a SIGHUP that is ignored stays ignored [cli.signals]",
  async () => {
    const { program, started } = hangingPodman("podman-nohup");
    const child = serveOn(program, ["bash", "-c", 'trap "" HUP; exec "$0" "$@"']);
    await started();
    child.kill("SIGHUP");
    await Bun.sleep(300);
    expect(child.exitCode).toBeNull();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(130);
  },
  30_000,
);
