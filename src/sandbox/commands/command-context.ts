import type { Listed } from "../agent/frames-answers.ts";
import type { Mask } from "../output/mask.ts";

/** What a command needs of the others of its sandbox. */
export interface CommandContext {
  mask(): Mask;
  whyLost(reason: string): Promise<{ text: string; outOfMemory: boolean }>;
  /** What the agent says of it now. */
  look(id: bigint): Promise<Listed | undefined>;
  /** The agent breaks its word. */
  giveUp(reason: string): void;
  onEnd(command: { id: bigint; hasFailed: boolean }): void;
}
