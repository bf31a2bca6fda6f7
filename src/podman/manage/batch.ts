/** One verb for several things: one result each, and one failure does not hide the others. */
import { z } from "zod";
import { PodexecError, toPodexecError } from "../../errors.ts";
import type { PodmanManager, Target } from "./manager.ts";

/** Podman's calls wait for each other's locks: more at once take no less time. */
const AT_ONCE = 4;

/** What became of one. */
export const outcome = z.object({
  name: z.string().describe("As it was asked for."),
  ok: z.boolean(),
  id: z.string().optional(),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      data: z.object({ details: z.string().optional(), hint: z.string().optional() }),
    })
    .optional(),
});
export type Outcome = z.infer<typeof outcome>;

/**
 * Does something to each container.
 *
 * @param work is called for those that are there and may be touched; what it throws is that one's result
 * @throws PodexecError where one alone was asked for and failed
 */
export async function eachContainer(
  manager: PodmanManager,
  names: readonly string[],
  { work, signal }: { work: (target: Target) => Promise<unknown>; signal: AbortSignal },
): Promise<Outcome[]> {
  const targets = await manager.targets(names, signal);
  return eachOf(names, async (name, index) => {
    const target = targets[index];
    if (!target || target instanceof PodexecError)
      throw target ?? new PodexecError("INTERNAL", `${name} was not looked for`);
    await work(target);
    return target.id;
  });
}

/** The same for any things. @param work gives the thing's id or nothing */
export async function eachOf(
  names: readonly string[],
  work: (name: string, index: number) => Promise<string | undefined>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const failures: PodexecError[] = [];
  const waiting = names.map((name, index) => ({ name, index }));
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { name, index } = next;
      try {
        const id = await work(name, index);
        outcomes[index] = { name, ok: true, ...(id === undefined ? {} : { id }) };
      } catch (thrown) {
        const error = toPodexecError(thrown);
        if (error.code === "CANCELLED") throw error;
        failures.push(error);
        outcomes[index] = { name, ok: false, error: describe(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (names.length === 1 && failures[0]) throw failures[0];
  return outcomes;
}

/** One line for each. @param done what became of those that went well, such as `stopped` */
export function outcomesText(outcomes: readonly Outcome[], done: string): string {
  return outcomes
    .map(({ name, ok, error }) => (ok ? `${name}: ${done}` : `${name}: ${error?.code}: ${error?.message}`))
    .join("\n");
}

function describe({ code, message, details, hint }: PodexecError): NonNullable<Outcome["error"]> {
  return { code, message, data: { ...(details ? { details } : {}), ...(hint ? { hint } : {}) } };
}
