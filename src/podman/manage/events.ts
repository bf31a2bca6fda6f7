/** What happened to containers, images, volumes, networks and pods, and what happens. */
import { failureOf } from "./failures.ts";
import { follow } from "./follow.ts";
import type { PodmanManager } from "./manager.ts";
import { isVisible } from "./policy.ts";
import { eventRow, type EventRow } from "./schemas.ts";

export interface EventWish {
  /** Flags `--since`, `--until`, `--filter` as checked. */
  args: readonly string[];
  follow: boolean;
  /** Milliseconds after which following ends. */
  timeMs: number;
  /** Events after which following ends; of the past the last ones are kept. */
  limit: number;
}

export interface Events {
  events: EventRow[];
  why: "ended" | "time" | "lines";
}

const READING_MS = 60_000;

/** Reads or follows Podman's events. Sandboxes have none here. @throws PodexecError CANCELLED, and Podman's failures */
export async function readEvents(
  manager: PodmanManager,
  wish: EventWish,
  { signal, onEvent }: { signal: AbortSignal; onEvent?: (event: EventRow) => void },
): Promise<Events> {
  const events: EventRow[] = [];
  const args = ["events", "--format", "json", `--stream=${wish.follow}`, ...wish.args];
  const followed = await follow(manager, args, {
    timeMs: wish.follow ? wish.timeMs : READING_MS,
    lines: wish.follow ? wish.limit : Number.POSITIVE_INFINITY,
    signal,
    onLine: ({ stream, text }) => {
      const event = stream === "stdout" ? readEvent(text) : undefined;
      if (!event || !isShown(manager, event)) return false;
      events.push(event);
      if (events.length > wish.limit) events.shift();
      onEvent?.(event);
      // Of the past nothing but the last ones is kept, so no line counts against a bound.
      return wish.follow;
    },
  });
  if (followed.why === "ended" && followed.status !== 0) throw failureOf("events", followed);
  return { events, why: followed.why };
}

/** One line for a reader. */
export function eventText({ Time, Type, Status, Name, ID, ContainerExitCode }: EventRow): string {
  const status = ContainerExitCode === undefined || ContainerExitCode === null ? "" : ` (status ${ContainerExitCode})`;
  return `${Time ?? ""} ${Type ?? ""} ${Status ?? ""} ${Name || (ID ?? "").slice(0, 12)}${status}`;
}

/** With --own-only only containers that podexec made: other things' events do not say whose they are. */
function isShown(manager: PodmanManager, { Type, Attributes }: EventRow): boolean {
  if (Type === "container" || manager.policy.ownOnly) return isVisible(manager.policy, Attributes);
  return true;
}

function readEvent(text: string): EventRow | undefined {
  try {
    const parsed = eventRow.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
