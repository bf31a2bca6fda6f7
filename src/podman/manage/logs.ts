/** A container's log: both streams in the order in which they were written. */
import { failureOf } from "./failures.ts";
import { follow, type Line } from "./follow.ts";
import type { PodmanManager, Target } from "./manager.ts";

export interface LogWish {
  tail: number;
  since?: string;
  follow: boolean;
  timestamps: boolean;
  /** Milliseconds after which following ends. */
  timeMs: number;
}

export interface Logs {
  lines: Line[];
  /** Following ended because of a bound and could go on. */
  why: "ended" | "time" | "lines";
}

/** What Podman writes in front of each line with --timestamps: always nine digits, so texts compare as times do. */
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) /;
const MAX_FOLLOWED = 5_000;
const READING_MS = 60_000;
/** Podman's own words stand on stderr too, without a time in front. */
const PODMANS = /^(?:Error: |time=")/;

/**
 * Reads or follows a log. Following ends by itself after a time or 5,000 lines beyond the tail.
 *
 * @throws PodexecError CANCELLED, and Podman's failures
 */
export async function readLogs(
  manager: PodmanManager,
  { target, wish, signal }: { target: Target; wish: LogWish; signal: AbortSignal },
  onLine?: (line: Line) => void,
): Promise<Logs> {
  const args = ["logs", "--timestamps", "--tail", String(wish.tail)];
  if (wish.since !== undefined) args.push("--since", wish.since);
  if (wish.follow) args.push("--follow");
  const shown = (line: Line): Line => (wish.timestamps ? line : { ...line, text: line.text.replace(STAMP, "") });
  const followed = await follow(manager, [...args, target.id], {
    timeMs: wish.follow ? wish.timeMs : READING_MS,
    lines: wish.follow ? wish.tail + MAX_FOLLOWED : Number.POSITIVE_INFINITY,
    signal,
    onLine: (line) => {
      if (PODMANS.test(line.text)) return false;
      onLine?.(shown(line));
      return true;
    },
  });
  const isOurs = followed.why !== "ended";
  if (!isOurs && followed.status !== 0) throw failureOf("logs", followed);
  return { lines: inOrder(followed.lines).map(shown), why: followed.why };
}

/** Two pipes are read as they come; the times tell the order. A line without one belongs to the one before it. */
function inOrder(lines: readonly Line[]): Line[] {
  const last = { stdout: "", stderr: "" };
  return lines
    .map((line) => {
      last[line.stream] = STAMP.exec(line.text)?.[0] ?? last[line.stream];
      return { line, time: last[line.stream] };
    })
    .toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    .map(({ line }) => line);
}
