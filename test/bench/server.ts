/** The compiled podexec, started as a person starts it. */
import type { Cleanup } from "./cleanup.ts";
import { containerMb, processesOf } from "./containers.ts";
import { openHttp, openStdio, type Session } from "./client.ts";
import type { Place } from "./place.ts";
import { nameOf } from "../../src/sandbox/handle.ts";
import { sandboxesOf, waitingOf } from "./sandboxes.ts";

export interface ServerOptions {
  pool?: number;
  maxSandboxes?: number;
}

export interface PodexecServer {
  pid: number;
  /** Copies by `podexec cp`. @throws Error where its status is not 0 */
  cp(from: string, to: string): Promise<void>;
  /** All processes of its sandboxes. */
  processes(): Promise<number[]>;
  /** From the start of the process to its word that it listens, in milliseconds. */
  listeningAfterMs: number;
  /** A session over HTTP; ended with the server at the latest. */
  open(): Promise<Session>;
  /** What each of its sandboxes costs beside the server and what users start, in MB. */
  sandboxMb(): Promise<number>;
  /** Waits until so many sandboxes are ready for whoever comes. */
  untilPooled(count: number): Promise<void>;
  /** Ends the server and with it all its sandboxes. */
  stop(): Promise<void>;
  /** Ends it as a crash does: its sandboxes run on for a lease. */
  crash(): Promise<void>;
}

const START_LIMIT_MS = 20_000;
const POOL_LIMIT_MS = 60_000;
/** A hundred sandboxes take their time to go. */
const STOP_LIMIT_MS = 90_000;

/** Starts `podexec serve` on a free port of the loopback. @throws Error with what it said where it does not listen */
export async function startServer(place: Place, options: ServerOptions, cleanup: Cleanup): Promise<PodexecServer> {
  const { pool = 1, maxSandboxes = 128 } = options;
  const limits = ["--max-sandboxes", String(maxSandboxes), "--linger", "0s"];
  const flags = ["--port", "0", "--pool", String(pool), ...limits];
  const startedAt = performance.now();
  const child = Bun.spawn([place.executable, "serve", "--data-dir", place.dataFolder, ...flags], {
    env: place.environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const stop = () => end(child);
  cleanup.add(stop);
  const url = await untilListening(child.stderr);
  const listeningAfterMs = performance.now() - startedAt;
  const taken = new Set<string>();
  return {
    pid: child.pid,
    listeningAfterMs,
    cp: (from, to) => copy(place, from, to),
    processes: () => processesOf(place, sandboxesOf(place, child.pid)),
    open: () => openHttp(url, (handle) => taken.add(nameOf(handle))),
    sandboxMb: () => containerMb(place, sandboxesOf(place, child.pid)),
    untilPooled: (count) => untilPooled(count, () => waitingOf(place, child.pid, taken)),
    stop,
    async crash() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** A session with a podexec of its own over stdio. */
export async function startStdio(place: Place, cleanup: Cleanup): Promise<Session> {
  const flags = ["--transport", "stdio", "--data-dir", place.dataFolder, "--pool", "0"];
  const session = await openStdio([place.executable, "serve", ...flags], place.environment);
  cleanup.add(() => session.close());
  return session;
}

/** Where the server says it listens; what it says later is read and dropped, so that it never waits for a reader. */
async function untilListening(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stderr.getReader();
  const decoder = new TextDecoder();
  const limit = setTimeout(() => void reader.cancel(), START_LIMIT_MS);
  let said = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      said += decoder.decode(value, { stream: !done });
      const url = /https?:\/\/\S+\/mcp/.exec(said)?.[0];
      if (url) return url;
      if (done) throw new Error(`podexec serve does not listen: ${said}`);
    }
  } finally {
    clearTimeout(limit);
    void drop(reader);
  }
}

async function copy(place: Place, from: string, to: string): Promise<void> {
  const argv = [place.executable, "cp", "--data-dir", place.dataFolder, from, to];
  const child = Bun.spawn(argv, { env: place.environment, stdio: ["ignore", "ignore", "pipe"] });
  const said = await child.stderr.text();
  if ((await child.exited) !== 0) throw new Error(`podexec cp: ${said}`);
}

async function drop(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done);
}

async function end(child: Bun.Subprocess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  const limit = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  await child.exited;
  clearTimeout(limit);
}

async function untilPooled(count: number, waiting: () => string[]): Promise<void> {
  const limit = Date.now() + POOL_LIMIT_MS;
  while (waiting().length < count) {
    if (Date.now() > limit) throw new Error(`the pool has not ${count} sandboxes after ${POOL_LIMIT_MS / 1000} s`);
    await Bun.sleep(20);
  }
  // The greeting of the agent, and podman's processes that end a moment later.
  await Bun.sleep(100);
}
