/** What a measurement is, and what it answers. */
import type { Session } from "./client.ts";
import type { PodexecServer, ServerOptions } from "./server.ts";
import type { Rival } from "./rival.ts";

export type Unit = "ms" | "s" | "MB" | "MB/s" | "calls/s" | "failures" | "%";

/** One line of the table: a number of podexec's, and the same of plain `podman exec` in the same run. */
export interface Row {
  what: string;
  unit: Unit;
  podexec: number;
  rival?: number;
  target?: Target;
}

export interface Target {
  /** As a reader has it: `<= 3 MB`. */
  text: string;
  met: boolean;
}

/** How much is measured; every number bounds both count and time. */
export interface Size {
  /** Blocks of commands that podexec and its rivals take turns with. */
  rounds: number;
  /** Commands in a block; of the slow rival a twentieth. */
  commands: number;
  firstCommands: number;
  /** Sessions that send commands side by side, and for how long. */
  throughputSessions: number;
  throughputMs: number;
  sessionsAtOnce: number;
  outputBytes: number;
  flatCommands: number;
  starts: number;
  /** Sandboxes with ten waiting commands each, and for how long they are watched. */
  idleSandboxes: number;
  idleMs: number;
  /** Sandboxes that a restarted server finds again, and how often. */
  reconnectSandboxes: number;
  reconnects: number;
  transferBytes: number;
}

/** What a measurement works with. Whatever it starts is ended after it, also where it fails. */
export interface Bench {
  size: Size;
  startServer(options?: ServerOptions): Promise<PodexecServer>;
  /** A session with a podexec of its own over stdio. */
  startStdio(): Promise<Session>;
  startRival(): Promise<Rival>;
  /** Tells the person who waits. */
  say(text: string): void;
}

export interface Measurement {
  name: string;
  measure(bench: Bench): Promise<Row[]>;
}
