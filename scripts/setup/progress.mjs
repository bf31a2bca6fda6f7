/** One line a step, with the time it took; a failing step says everything. All of it on stderr. */
import { StepFailure } from "./run.mjs";

/**
 * Runs steps in order until one fails.
 *
 * @param {{ title: string, run: (say: (text: string) => void) => Promise<string> }[]} steps `run` ends with what it did, in a few words
 * @returns {Promise<number>} 0, or the failed step's exit status
 */
export async function runSteps(steps) {
  for (const step of steps) {
    const status = await runStep(step);
    if (status !== 0) return status;
  }
  return 0;
}

async function runStep({ title, run }) {
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  try {
    const done = await run((text) => console.error(`[set-up] ${title}: ${text} ...`));
    console.error(`[set-up] ${title}: ${done} (${seconds()})`);
    return 0;
  } catch (error) {
    console.error(`[set-up] ${title}: failed (${seconds()})`);
    console.error(error instanceof StepFailure ? error.message : error);
    return error instanceof StepFailure ? error.status : 1;
  }
}
