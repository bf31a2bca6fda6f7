/** Pieces that the podman tools have in common. */
import { z } from "zod";
import { PodexecError } from "../errors.ts";
import type { Outcome } from "../podman/manage/batch.ts";
import { outcome, outcomesText } from "../podman/manage/batch.ts";
import type { PodmanManager } from "../podman/manage/manager.ts";
import { ProgressFeed } from "./progress.ts";
import type { Tool, ToolAnswer, ToolContext } from "./tool.ts";

const MAX_NAME = 300;

/** A container by name or id. */
export const containerField = z.string().max(MAX_NAME).describe("Name or id of a container.");
export const containersField = z
  .array(z.string().max(MAX_NAME))
  .min(1)
  .max(100)
  .describe("Names or ids of containers.");
export const imageField = z.string().max(400).describe("Name or id of an image, such as docker.io/library/debian:13.");
/** Filters that may be given once or as a list. */
export const filterField = z.union([z.string().max(400), z.array(z.string().max(400)).max(20)]).optional();

type Hints = Tool["annotations"];
/** Only looks. */
export const READS: Hints = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };
/** Makes something, takes nothing away. */
export const ADDS: Hints = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true };
/** Changes a state, to which it can be changed back. */
export const CHANGES: Hints = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};
/** Takes away or overwrites. */
export const DESTROYS: Hints = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: false,
  openWorldHint: false,
};

/** The Podman of a call. @throws PodexecError REFUSED where the toolset is off */
export function managerOf(context: ToolContext): PodmanManager {
  if (context.services.podman) return context.services.podman;
  throw new PodexecError("REFUSED", "this server does not manage containers", {
    hint: "`podexec serve --toolsets sandbox,podman` does.",
  });
}

/** Does work whose lines are told as progress, to the last one. */
export async function telling<Result>(
  context: ToolContext,
  work: (tell: (line: string) => void) => Promise<Result>,
): Promise<Result> {
  const feed = new ProgressFeed((done, message) => context.progress(done, message));
  try {
    const result = await work((line) => feed.push(`${line}\n`));
    feed.flush();
    return result;
  } finally {
    feed.stop();
  }
}

/** What a verb answers that is for several things. */
export const batchOutput = z.object({ results: z.array(outcome), failed: z.int() });

/** The answer of such a verb. @param done what became of those that went well */
export function batchAnswer(results: Outcome[], done: string): ToolAnswer<z.infer<typeof batchOutput>> {
  const failed = results.filter(({ ok }) => !ok).length;
  const isError = failed === results.length;
  return { structured: { results, failed }, text: outcomesText(results, done), ...(isError ? { isError } : {}) };
}
