import { Cleanup } from "./cleanup.ts";
import { measurements } from "./index.ts";
import type { Bench, Row, Size } from "./measurement.ts";
import { openPlace, type Place } from "./place.ts";
import { startRival } from "./rival.ts";
import { startServer, startStdio } from "./server.ts";

export interface RunOptions {
  size: Size;
  /** Only measurements whose name contains one of these; default all. */
  only: readonly string[];
  /** Another podexec than the built one. */
  executable: string | undefined;
  /** Between two measurements it ends the run. */
  signal: AbortSignal;
  say(text: string): void;
}

/**
 * Measures everything, one thing after the other; all that was started is ended, also where something fails.
 *
 * @throws whatever a measurement or the ending of what it started fails with
 */
export async function measureAll(options: RunOptions): Promise<Row[]> {
  const cleanup = new Cleanup();
  const rows: Row[] = [];
  try {
    const place = await openPlace(cleanup, options.executable);
    for (const { name, measure } of measurements.filter((one) => isWanted(one.name, options.only))) {
      options.signal.throwIfAborted();
      options.say(`measuring ${name}`);
      rows.push(...(await inTurn(place, options, measure)));
    }
    return rows;
  } finally {
    await cleanup.run();
  }
}

async function inTurn(place: Place, options: RunOptions, measure: (bench: Bench) => Promise<Row[]>): Promise<Row[]> {
  const cleanup = new Cleanup();
  const interrupt = () => void cleanup.run().catch(() => {});
  options.signal.addEventListener("abort", interrupt, { once: true });
  try {
    return await measure({
      size: options.size,
      say: options.say,
      startServer: (wanted = {}) => startServer(place, wanted, cleanup),
      startStdio: () => startStdio(place, cleanup),
      startRival: () => startRival(place, cleanup),
    });
  } catch (error) {
    // Whatever fails because its server was ended: the interruption is why.
    throw options.signal.aborted ? options.signal.reason : error;
  } finally {
    options.signal.removeEventListener("abort", interrupt);
    await cleanup.run();
  }
}

function isWanted(name: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((part) => name.includes(part));
}
