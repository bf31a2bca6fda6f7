/** Everything that differs between Bun and Deno. No other file under src names either. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  listenBun,
  listenDeno,
  type BunServing,
  type DenoServing,
  type Listener,
  type ListenOptions,
} from "./listen.ts";

export type { Listener, ListenOptions, WebSocketPeer, WebSocketTarget } from "./listen.ts";

export interface SpawnOptions {
  /** Bytes for standard input, `pipe` to write them later, default: none (/dev/null). */
  stdin?: Uint8Array | "pipe";
  /** `pipe` (default) or `inherit`. */
  stdout?: "pipe" | "inherit";
  stderr?: "pipe" | "inherit";
  /** Default: this process's environment without BUN_*. */
  env?: Record<string, string>;
  cwd?: string;
  /**
   * In a session of its own (setsid(2)): Ctrl-C in a terminal reaches a whole process group, and a podman that cleans up
   * must not die of it. Default false.
   */
  ownSession?: boolean;
}

export interface Child {
  pid: number;
  /** Empty where the stream is inherited. */
  stdout: ReadableStream<Uint8Array>;
  stderr: ReadableStream<Uint8Array>;
  /** Only with `stdin: "pipe"`. */
  stdin: { write(bytes: Uint8Array): Promise<void>; end(): Promise<void> };
  /** The exit status as a shell gives it: 128 + n for a signal. */
  exited: Promise<number>;
  kill(signal?: "SIGTERM" | "SIGKILL" | "SIGINT"): void;
}

interface BunChild {
  pid: number;
  stdout: ReadableStream<Uint8Array> | undefined;
  stderr: ReadableStream<Uint8Array> | undefined;
  stdin: { write(bytes: Uint8Array): number; flush(): number | Promise<number>; end(): void } | undefined;
  exited: Promise<number>;
  kill(signal?: string): void;
}

interface BunGlobal extends BunServing {
  spawn(argv: string[], options: object): BunChild;
}

interface DenoChild {
  pid: number;
  stdout: ReadableStream<Uint8Array>;
  stderr: ReadableStream<Uint8Array>;
  stdin: WritableStream<Uint8Array>;
  status: Promise<{ code: number }>;
  kill(signal?: string): void;
}

interface DenoGlobal extends DenoServing {
  Command: new (program: string, options: object) => { spawn(): DenoChild };
}

const bun = (globalThis as unknown as { Bun?: BunGlobal }).Bun;
const deno = (globalThis as unknown as { Deno?: DenoGlobal }).Deno;

/** `bun` or `deno`. */
export const runtimeName = bun ? "bun" : "deno";

/** True in the compiled executable, false when run from source. */
export const isCompiled = import.meta.url.includes("/$bunfs/") || import.meta.url.includes("/~BUN/");

/**
 * Starts a program with an argument array; never a shell.
 *
 * @throws the runtime's error (`code: "ENOENT"`) where the program is not found
 */
export function spawn(argv: [string, ...string[]], options: SpawnOptions = {}): Child {
  return bun ? spawnBun(bun, argv, options) : spawnDeno(requireDeno(), argv, options);
}

/**
 * Serves HTTP through one Request -> Response function, and WebSockets where `upgrade` accepts them.
 *
 * @throws an error with `code: "EADDRINUSE"` where the port is taken
 */
export function listen(options: ListenOptions): Listener {
  return bun ? listenBun(bun, options) : listenDeno(requireDeno(), options);
}

/**
 * A file shipped with podexec: from inside the compiled executable, or from the checkout.
 *
 * @param path relative to the repository's root, such as `images/base/packages.txt`
 * @throws Error naming the file where it was not embedded or not built
 */
export function readAsset(path: string): Uint8Array {
  const location = assetLocation(path);
  if (!existsSync(location)) throw new Error(`${path} is not part of this build of podexec`);
  return readFileSync(location);
}

/** The machines, as `uname -m` names them, that the agent is compiled for. */
export const AGENT_MACHINES = ["x86_64", "aarch64"] as const;
export type AgentMachine = (typeof AGENT_MACHINES)[number];

/** The agent's executable for a machine. @throws Error where this build of podexec lacks it */
export function readAgent(machine: AgentMachine): Uint8Array {
  return readAsset(`images/agent/build/agent-${machine}`);
}

/** This process's environment. */
export function environment(): Record<string, string> {
  const defined = Object.entries(process.env).filter(([, value]) => value !== undefined);
  return Object.fromEntries(defined) as Record<string, string>;
}

/**
 * What of the environment children get: not what would change a child's Bun (`BUN_BE_BUN=1` turns podexec into the bun
 * CLI), and not podexec's own variables, which hold its token.
 */
export function childEnvironment(): Record<string, string> {
  const kept = Object.entries(environment()).filter(([name]) => !/^(BUN|PODEXEC)_/.test(name));
  return Object.fromEntries(kept);
}

function assetLocation(path: string): string {
  if (isCompiled) return `${import.meta.dirname}/${path}`;
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

function requireDeno(): DenoGlobal {
  if (!deno) throw new Error("podexec runs under Bun or Deno");
  return deno;
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

function spawnBun(runtime: BunGlobal, argv: string[], options: SpawnOptions): Child {
  const child = runtime.spawn(argv, {
    stdin: options.stdin ?? "ignore",
    stdout: options.stdout ?? "pipe",
    stderr: options.stderr ?? "pipe",
    env: options.env ?? childEnvironment(),
    detached: options.ownSession ?? false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return {
    pid: child.pid,
    stdout: options.stdout === "inherit" ? emptyStream() : (child.stdout ?? emptyStream()),
    stderr: options.stderr === "inherit" ? emptyStream() : (child.stderr ?? emptyStream()),
    stdin: {
      async write(bytes) {
        child.stdin?.write(bytes);
        await child.stdin?.flush();
      },
      async end() {
        child.stdin?.end();
      },
    },
    exited: child.exited,
    kill: (signal = "SIGTERM") => child.kill(signal),
  };
}

function spawnDeno(runtime: DenoGlobal, argv: string[], options: SpawnOptions): Child {
  const [program, ...args] = argv as [string, ...string[]];
  const child = new runtime.Command(program, {
    args,
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: options.stdout === "inherit" ? "inherit" : "piped",
    stderr: options.stderr === "inherit" ? "inherit" : "piped",
    env: options.env ?? childEnvironment(),
    clearEnv: true,
    detached: options.ownSession ?? false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }).spawn();
  const writer = options.stdin === undefined ? undefined : child.stdin.getWriter();
  if (options.stdin instanceof Uint8Array) {
    // A child that ends without reading its input is its own affair; its exit status tells.
    void writer
      ?.write(options.stdin)
      .then(() => writer.close())
      .catch(() => {});
  }
  return {
    pid: child.pid,
    stdout: options.stdout === "inherit" ? emptyStream() : child.stdout,
    stderr: options.stderr === "inherit" ? emptyStream() : child.stderr,
    stdin: {
      write: async (bytes) => writer?.write(bytes),
      end: async () => writer?.close(),
    },
    exited: child.status.then((status) => status.code),
    kill: (signal = "SIGTERM") => child.kill(signal),
  };
}
