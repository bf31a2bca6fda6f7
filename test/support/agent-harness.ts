/** The agent without a container: compiled once, started on the host or as process 1 of a pid namespace. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setDefaultTimeout } from "bun:test";
import { encodeHello } from "../../src/sandbox/agent/frames-requests.ts";
import { Client } from "./agent-client.ts";

// Two compilations may come first.
setDefaultTimeout(40_000);

export const SOURCES = resolve(import.meta.dirname, "../../images/agent");
const STRICT = ["-std=c11", "-Wall", "-Wextra", "-Werror", '-DAGENT_VERSION="test"'];

/** How the agent may be built. */
export const BUILDS = {
  release: { compiler: "gcc", flags: ["-O2", "-static"] },
  sanitized: { compiler: "gcc", flags: ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"] },
  aarch64: { compiler: "aarch64-linux-gnu-gcc", flags: ["-O2", "-static"] },
} as const;
export type Build = keyof typeof BUILDS;

/** The builds that behaviour is tested with; AGENT_SANITIZE=1 leaves the sanitized one only. */
export const TESTED_BUILDS: readonly Build[] =
  process.env["AGENT_SANITIZE"] === "1" ? ["sanitized"] : ["release", "sanitized"];

export const isLinux = process.platform === "linux";
/** Whether this machine lets us make pid namespaces. */
export const canBeProcessOne = isLinux && process.getuid?.() === 0 && existsSync("/usr/bin/unshare");

/** Compiled agents stay here, named by what they were made of: bun tells nobody when the last test file has ended. */
const BUILT = resolve(import.meta.dirname, "../../dist/agent-test");

/** Compiles the agent, or the given sources with the same flags, unless that was done before. */
export function compile(build: Build, sources = agentSources(), name: string = build): string {
  const { compiler, flags } = BUILDS[build];
  const words = [...STRICT, ...flags];
  const hash = createHash("sha256").update([compiler, ...words].join(" "));
  for (const path of [...sources, ...headers()]) hash.update(path).update(readFileSync(path));
  const out = join(BUILT, `${name}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(out)) return out;
  mkdirSync(BUILT, { recursive: true });
  for (const old of readdirSync(BUILT)) if (old.startsWith(`${name}-`)) rmSync(join(BUILT, old));
  const done = spawnSync(compiler, [...words, "-o", `${out}.new`, ...sources], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${compiler}: ${done.stderr || done.error?.message}`);
  renameSync(`${out}.new`, out);
  return out;
}

function agentSources(): string[] {
  return filesEndingWith(".c");
}

function headers(): string[] {
  return filesEndingWith(".h");
}

function filesEndingWith(end: string): string[] {
  const names = readdirSync(SOURCES).filter((name) => name.endsWith(end));
  return names.toSorted().map((name) => join(SOURCES, name));
}

export interface AgentOptions {
  readonly build?: Build;
  readonly flags?: readonly string[];
  /** As process 1 of its own pid and network namespaces. */
  readonly isProcessOne?: boolean;
  /** In front of the agent's own words, such as an emulator. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts an agent; `await using` ends it and everything that it runs. */
export async function startAgent(options: AgentOptions = {}): Promise<Agent> {
  const dir = mkdtempSync(join(tmpdir(), "podexec-agent-"));
  chmodSync(dir, 0o777);
  const socket = join(dir, "s");
  const own = [
    compile(options.build ?? "release"),
    "serve",
    "--socket",
    socket,
    "--spill-dir",
    join(dir, "spill"),
    "--grace",
    "200",
  ];
  const isolate = ["unshare", "--pid", "--net", "--fork", "--mount-proc", "--kill-child"];
  const [program = "", ...args] = [
    ...(options.isProcessOne ? isolate : []),
    ...(options.prefix ?? []),
    ...own,
    ...(options.flags ?? []),
  ];
  const leaks = options.isProcessOne ? "0" : "1";
  const env = { ...process.env, ASAN_OPTIONS: `detect_leaks=${leaks}`, ...options.env };
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env });
  const agent = new Agent(child, dir, socket, options.isProcessOne === true);
  await until(() => existsSync(socket) || child.exitCode !== null, "the agent's socket");
  return agent;
}

export class Agent implements AsyncDisposable {
  readonly socket: string;
  readonly spill: string;
  stderr = "";
  readonly exitCode: Promise<number | null>;
  readonly #dir: string;
  readonly #child: ChildProcess;
  readonly #isProcessOne: boolean;
  readonly #clients: Client[] = [];

  constructor(child: ChildProcess, dir: string, socket: string, isProcessOne: boolean) {
    this.#child = child;
    this.#dir = dir;
    this.#isProcessOne = isProcessOne;
    this.socket = socket;
    this.spill = join(dir, "spill");
    child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exitCode = new Promise((resolve) => child.on("close", (code) => resolve(code)));
  }

  /** The agent's pid as this process sees it. */
  get pid(): number {
    const pid = this.#child.pid ?? 0;
    if (!this.#isProcessOne) return pid;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
  }

  /** Connects and, unless told not to, greets. */
  async connect(greet = true): Promise<Client> {
    if (this.#child.exitCode !== null) throw new Error(`the agent has ended: ${this.stderr}`);
    const client = new Client(connect(this.socket));
    this.#clients.push(client);
    if (greet) {
      client.send(encodeHello(1));
      await client.hello;
    }
    return client;
  }

  /** Bytes of anonymous memory that the agent alone uses. */
  get memory(): number {
    const rollup = readFileSync(`/proc/${this.pid}/smaps_rollup`, "utf8");
    return Number(/^Anonymous:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024;
  }

  /** Process 1 by its own pid: `--kill-child` is lost where the child takes another user's id. */
  #end(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (!this.#isProcessOne) this.#child.kill("SIGTERM");
    else if (this.pid > 1) process.kill(this.pid, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 6000);
    await this.exitCode;
    clearTimeout(timer);
    rmSync(this.#dir, { recursive: true, force: true });
    if (/Sanitizer|runtime error/.test(this.stderr)) throw new Error(this.stderr);
  }
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean, what: string, limit = 10_000): Promise<void> {
  for (const end = Date.now() + limit; !condition();) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
