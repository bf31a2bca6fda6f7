/** How a command ended: with what the agent said, or not at all. */
import type { PodexecError } from "../../errors.ts";
import type { Exited } from "../agent/frames-answers.ts";
import type { Mask } from "../output/mask.ts";
import { endingOf, lossOf, type Ending } from "./outcome.ts";

export type End = { exited: Exited } | { lost: { text: string; outOfMemory: boolean } } | { failed: PodexecError };

/** Whether nobody can ask about it any more. */
export function isLoss(end: End | undefined): boolean {
  return end !== undefined && !("exited" in end);
}

/** Processes that it left running. */
export function leftBy(end: End | undefined): number {
  return end && "exited" in end ? end.exited.leftCount : 0;
}

/** The same end when nothing that it left runs any more. */
export function withoutLeft(end: End): End {
  return "exited" in end ? { exited: { ...end.exited, left: [], leftCount: 0 } } : end;
}

/** An end as it is told; undefined where there is none to tell. */
export function toldEnd(
  end: End | undefined,
  known: { cwd: string | undefined; by: "cancelled" | "killed" | undefined; mask: Mask; total: number; ageMs: number },
): Ending | undefined {
  if (!end || "failed" in end) return undefined;
  if ("lost" in end) return lossOf(end.lost, { totalBytes: known.total, durationMs: known.ageMs });
  return endingOf(end.exited, known);
}
