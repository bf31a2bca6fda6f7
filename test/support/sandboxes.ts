/** Real sandboxes on this host's Podman for tests; `cleanUpAfterAll` removes them. */
import { afterAll } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine, openHost, type Host } from "../../src/commands/host.ts";
import { createLog } from "../../src/log.ts";
import { environment } from "../../src/runtime.ts";
import type { PodmanEngine } from "../../src/podman/engine.ts";
import type { CommandRequest, Outcome, RunControl } from "../../src/sandbox/commands.ts";
import type { SandboxSpec } from "../../src/sandbox/engine.ts";
import { Sandbox } from "../../src/sandbox/sandbox.ts";

/** One folder for all test files of a user: the agent's file and what was found out about the host are shared. */
export const testData = join(tmpdir(), `podexec-test-${process.getuid?.() ?? 0}`);
export const toolImage = "localhost/pod_exec_mcp_base:latest";
export const isRootless = (process.getuid?.() ?? 0) !== 0;
export const quiet = createLog("silent");

export const spec: SandboxSpec = {
  image: toolImage,
  network: "internet",
  memory: 512 * 1024 * 1024,
  cpus: 2,
  pids: 256,
  env: {},
  leaseMs: 60_000,
};

const { signal } = new AbortController();
let host: Promise<Host> | undefined;
const made = new Set<Sandbox>();
const folders = new Set<string>();

/** To be called at the top of every test file that makes sandboxes or folders: a hook belongs to one file. */
export function cleanUpAfterAll(): void {
  afterAll(async () => {
    await Promise.all([...made].map((sandbox) => sandbox.remove()));
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    made.clear();
    folders.clear();
  }, 60_000);
}

/** Podman as this host has it. */
export function testHost(): Promise<Host> {
  mkdirSync(testData, { recursive: true, mode: 0o700 });
  host ??= openHost({
    program: "podman",
    environment: environment(),
    network: "internet" as const,
    dataFolder: testData,
    log: quiet,
    signal,
  });
  return host;
}

export async function testEngine(): Promise<PodmanEngine> {
  return openEngine(await testHost(), { dataFolder: testData, log: quiet, spillLimit: 4 * 1024 ** 3 });
}

/** A sandbox that is removed after the file's tests. */
export async function openSandbox(changes: Partial<SandboxSpec> = {}): Promise<Sandbox> {
  const sandbox = await Sandbox.create(await testEngine(), { ...spec, ...changes });
  made.add(sandbox);
  return sandbox;
}

/** Runs a command with a minute's limit. */
export function run(
  sandbox: Sandbox,
  command: string,
  changes: Partial<CommandRequest> = {},
  control: RunControl = {},
): Promise<Outcome> {
  return sandbox.run({ command, timeoutMs: 60_000, outputLimit: 262_144, ...changes }, control);
}

/** Runs podman with this host's flags; the status has to be 0 unless `status` says otherwise. */
export async function podman(args: string[], status = 0): Promise<string> {
  const { podman: client, adaptation } = await testHost();
  const result = await client.withGlobalArgs(adaptation.globalArgs).run(args);
  if (result.status !== status) throw new Error(`podman ${args.join(" ")}: status ${result.status}\n${result.stderr}`);
  return result.stdout;
}

/** A folder that is removed after the file's tests. */
export function temporaryFolder(name = "podexec-test-"): string {
  const folder = mkdtempSync(join(tmpdir(), name));
  folders.add(folder);
  return folder;
}

/** Waits until something holds; fails after `limitMs`. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  const limit = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`not within ${limitMs} ms: ${what}`);
    await Bun.sleep(25);
  }
}

export async function containerExists(name: string): Promise<boolean> {
  const { podman: client } = await testHost();
  return (await client.run(["container", "exists", name])).status === 0;
}

export function sandboxFolderExists(name: string): boolean {
  return existsSync(join(testData, "sandboxes", name));
}
