/** The executable at work: `podexec serve` on a free port with a data folder of its own, and always ended. */
import { afterAll, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executable } from "./executable.ts";
import { plainEnvironment } from "./run.ts";
import { podman, testData } from "./sandboxes.ts";

export interface Served {
  url: string;
  pid: number;
  /** Resolves with the exit status, 128 + n for a signal. */
  exited: Promise<number>;
  /** What it wrote so far. */
  log(): string;
  stdout(): string;
  kill(signal: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGKILL"): void;
  /** Ends it as an operator does; fails where that takes more than 20 s. */
  stop(signal?: "SIGINT" | "SIGTERM" | "SIGHUP"): Promise<number>;
}

export interface ServeOptions {
  env?: Record<string, string>;
  dataFolder?: string;
  cwd?: string;
  /** Default: a free one. */
  port?: string;
  /** What starts it, default the executable. */
  program?: readonly string[];
}

/** Every sandbox of this test process carries it in its environment. */
const MARK = `PODEXEC_TEST=${randomBytes(8).toString("hex")}`;
const READY = /serves MCP at (http:[^\s"]+)/;
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 20_000;

const running = new Set<Served>();
const folders = new Set<string>();

/** Call once in each file that serves: ends what runs, and finds no container of this file any more. */
export function endAfterAll(): void {
  afterAll(async () => {
    await Promise.all([...running].map((served) => served.stop()));
    const left = await ownContainers();
    if (left.length > 0) await podman(["rm", "--force", "--time", "0", ...left]);
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    expect(left).toEqual([]);
  }, 60_000);
}

/** A data folder that knows this host already, where another test has found that out; removed by `endAfterAll`. */
export function dataFolder(): string {
  const folder = scratchFolder();
  const known = join(testData, "host.json");
  if (existsSync(known)) copyFileSync(known, join(folder, "host.json"));
  return folder;
}

/** An empty folder; removed by `endAfterAll`. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "podexec-e2e-"));
  folders.add(folder);
  return folder;
}

/** The arguments that every server of a test gets. */
export function serveArguments(args: readonly string[] = [], folder = dataFolder()): string[] {
  return ["serve", "--data-dir", folder, "--env", MARK, ...args];
}

/** Starts `podexec serve ...args` and waits until it listens. */
export async function serve(args: readonly string[] = [], options: ServeOptions = {}): Promise<Served> {
  const { program = [executable()], dataFolder: folder = dataFolder(), port = "0" } = options;
  mkdirSync(folder, { recursive: true });
  const argv = [...program, ...serveArguments(["--port", port, ...args], folder)];
  const child = Bun.spawn(argv, {
    env: { ...plainEnvironment(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout = gather(child.stdout);
  const log = gather(child.stderr);
  const exited = child.exited;
  const kill = (signal: Parameters<Served["kill"]>[0]) => child.kill(signal);
  const stop = (signal: Parameters<Served["stop"]>[0] = "SIGTERM") => stopWithin(child, signal, log);
  const served: Served = { url: "", pid: child.pid, exited, log, stdout, kill, stop };
  running.add(served);
  void exited.then(() => running.delete(served));
  served.url = await listening(served);
  return served;
}

/** The names of all containers that servers of this test process have made, and that are there now. */
export async function ownContainers(): Promise<string[]> {
  const all = await podman(["ps", "--all", "--filter", "label=podexec=1", "--format", "{{.Names}}"]);
  const names = all.split("\n").filter(Boolean);
  const marked = await Promise.all(
    names.map(async (name) => ((await environmentOf(name)).includes(MARK) ? [name] : [])),
  );
  return marked.flat();
}

/** Resident memory of a process in MiB: proc_pid_status(5). */
export function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

async function environmentOf(name: string): Promise<string> {
  // A container of somebody else may go away between the two questions.
  return podman(["inspect", "--format", "{{.Config.Env}}", name]).catch(() => "");
}

async function listening(served: Served): Promise<string> {
  const limit = Date.now() + START_LIMIT_MS;
  for (;;) {
    const url = READY.exec(served.log())?.[1];
    if (url) return url;
    const ended = await Promise.race([served.exited, Bun.sleep(20)]);
    if (ended !== undefined) throw new Error(`serve ended with status ${ended}:\n${served.log()}`);
    if (Date.now() < limit) continue;
    served.kill("SIGKILL");
    throw new Error(`serve does not listen after ${START_LIMIT_MS} ms:\n${served.log()}`);
  }
}

async function stopWithin(child: Bun.Subprocess, signal: NodeJS.Signals, log: () => string): Promise<number> {
  child.kill(signal);
  const ended = await Promise.race([child.exited, Bun.sleep(STOP_LIMIT_MS)]);
  if (ended !== undefined) return ended;
  child.kill("SIGKILL");
  throw new Error(`serve goes on ${STOP_LIMIT_MS} ms after ${signal}:\n${log()}`);
}

function gather(stream: ReadableStream<Uint8Array>): () => string {
  const decoder = new TextDecoder();
  let text = "";
  void (async () => {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  })();
  return () => text;
}
