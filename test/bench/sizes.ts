import type { Size } from "./measurement.ts";

/** What the targets are about: under six minutes. */
export const FULL: Size = {
  rounds: 8,
  commands: 250,
  firstCommands: 8,
  throughputSessions: 16,
  throughputMs: 5_000,
  sessionsAtOnce: 100,
  outputBytes: 100_000_000,
  flatCommands: 20_000,
  starts: 9,
  idleSandboxes: 20,
  idleMs: 10_000,
  reconnectSandboxes: 50,
  reconnects: 5,
  transferBytes: 100_000_000,
};

/** Whether it works at all: seconds; its numbers mean nothing. */
export const QUICK: Size = {
  rounds: 1,
  commands: 20,
  firstCommands: 1,
  throughputSessions: 2,
  throughputMs: 200,
  sessionsAtOnce: 3,
  outputBytes: 1_000_000,
  flatCommands: 100,
  starts: 1,
  idleSandboxes: 2,
  idleMs: 1_000,
  reconnectSandboxes: 2,
  reconnects: 1,
  transferBytes: 1_000_000,
};
