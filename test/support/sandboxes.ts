/** Real sandboxes on this host's Podman for tests; `cleanUpAfterAll` removes them. */
import { afterAll } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine, openHost, type Host } from "../../src/commands/host.ts";
import { createLog } from "../../src/log.ts";
import { environment } from "../../src/runtime.ts";
import type { PodmanEngine } from "../../src/podman/engine.ts";
import { thisOwner } from "../../src/podman/labels.ts";
import type { CommandRequest, Outcome, RunControl } from "../../src/sandbox/commands/commands.ts";
import type { Engine, SandboxSpec } from "../../src/sandbox/engine.ts";
import { Sandbox } from "../../src/sandbox/sandbox.ts";
import { HostEngine } from "./host-engine.ts";

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

/** Three servers on a folder of their own: one that can end, as if it were killed, one beside it, and one that comes after it. */
export async function successorOf(like: Engine): Promise<Servers> {
  if (like instanceof HostEngine) {
    const engine = new HostEngine(like.folder);
    const end = () => engine.abandon();
    const [neighbour, successor] = [new HostEngine(like.folder), new HostEngine(like.folder)];
    return { engine, neighbour, successor, end, folder: like.folder };
  }
  const owner = thisOwner(`test-${made.size}-${Date.now()}`, "http");
  const folder = temporaryFolder();
  const place = { dataFolder: folder, log: quiet, kind: "http" as const };
  // Its process ends when the test says so, which another one than this one can.
  const living = Bun.spawn(["sleep", "600"]);
  const engine = openEngine(await testHost(), place, { ...owner, pid: processMark(living.pid) });
  const [neighbour, successor] = [openEngine(await testHost(), place), openEngine(await testHost(), place)];
  const end = () => {
    living.kill("SIGKILL");
    while (processMark(living.pid) !== "gone") Bun.sleepSync(1);
  };
  return { engine, neighbour, successor, end, folder };
}

interface Servers {
  engine: Engine;
  neighbour: Engine;
  successor: Engine;
  end(): void;
  folder: string;
}

/** As podexec's owners name a process: its pid and when it began, proc_pid_stat(5); `gone` for a zombie too. */
function processMark(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return fields[0] === "Z" ? "gone" : `${pid}/${fields[19]}`;
  } catch {
    return "gone";
  }
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
