/** What a call has to take back when one of its later steps fails. */
import { toPodexecError } from "../../errors.ts";

type Work = () => Promise<unknown>;

export class Undo {
  readonly #steps: { says: string; work: Work }[] = [];
  readonly #last: Work[] = [];

  /** @param says what is so again after it */
  push(says: string, work: Work): void {
    this.#steps.push({ says, work });
  }

  /** Done when all has gone well. */
  atTheEnd(work: Work): void {
    this.#last.push(work);
  }

  /** All has gone well: nothing is taken back any more. @throws PodexecError what failed of the work for the end */
  async settle(): Promise<void> {
    this.#steps.length = 0;
    for (const work of this.#last.splice(0)) await work();
  }

  /** Takes everything back, the last first. @returns what was done, and what could not be */
  async all(): Promise<string[]> {
    const told: string[] = [];
    for (const { says, work } of this.#steps.splice(0).toReversed()) {
      try {
        await work();
        told.push(says);
      } catch (error) {
        told.push(`not so: ${says}: ${toPodexecError(error).message}`);
      }
    }
    return told;
  }
}
