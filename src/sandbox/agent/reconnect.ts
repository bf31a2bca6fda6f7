/** A new connection in place of one that broke, while the sandbox itself may well be alive. */
import type { Engine, SandboxRef } from "../engine.ts";
import type { Listed } from "./frames-answers.ts";
import { Line, type LineEnd, type LineHandlers } from "./line.ts";
import { within } from "./within.ts";

/** Before each try. */
const PAUSES_MS = [0, 100, 300, 700, 1_500, 2_500] as const;
const TRY_MS = 3_000;
const LIMIT_MS = 9_000;
/** An agent that breaks one connection after the other is not worth more of them. */
const MAX_OFTEN = 8;
const OFTEN_MS = 60_000;

/** Which sandbox it was, and which agent. */
export interface Place {
  engine: Engine;
  ref: SandboxRef;
  /** As its first HELLO said. */
  instance: string;
}

/** The new connection and what the agent knows; or why there is none. */
export type Again = { line: Line; rows: Listed[] } | { end: LineEnd };

/** Counts how often a sandbox's connection broke lately. */
export class Patience {
  #breaks: number[] = [];

  /** Notes one more. @returns whether another connection is to be tried */
  hasMore(now = performance.now()): boolean {
    this.#breaks = [...this.#breaks.filter((at) => now - at < OFTEN_MS), now];
    return this.#breaks.length <= MAX_OFTEN;
  }
}

/**
 * Tries to reach the same agent again, for about 10 s: less where the engine knows that the sandbox is gone.
 *
 * @param end how the connection before it ended
 * @param handlers of the new connection
 * @param isOver whether nobody wants it any more
 */
export async function reconnect(
  place: Place,
  end: LineEnd,
  { handlers, isOver }: { handlers: LineHandlers; isOver: () => boolean },
): Promise<Again> {
  const until = performance.now() + LIMIT_MS;
  for (const pause of PAUSES_MS) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (isOver() || performance.now() >= until) break;
    const line = new Line(handlers);
    const rows = await reach(line, place).catch(() => undefined);
    if (rows && !line.end) return { line, rows };
    line.close();
    if (line.end && line.end.why !== "lost") return { end: line.end };
    if (isOver() || (await isGone(place))) break;
  }
  return { end };
}

async function reach(line: Line, { engine, ref, instance }: Place): Promise<Listed[]> {
  const late = () => new Error("no answer");
  const hello = await within(line.open(engine, ref, TRY_MS), TRY_MS, late);
  if (hello.instance !== instance) line.giveUp("another agent is in its place");
  return within(line.list(), TRY_MS, late);
}

async function isGone({ engine, ref }: Place): Promise<boolean> {
  try {
    return (await engine.whyGone(ref)) !== undefined;
  } catch {
    return false;
  }
}
