import type { Measurement } from "./measurement.ts";
import { atOnce } from "./measurements/at-once.ts";
import { flat } from "./measurements/flat.ts";
import { firstCommand } from "./measurements/first-command.ts";
import { latency } from "./measurements/latency.ts";
import { memory } from "./measurements/memory.ts";
import { output } from "./measurements/output.ts";
import { start } from "./measurements/start.ts";
import { throughput } from "./measurements/throughput.ts";

/** THE table of measurements, in the order of the rows. */
export const measurements: readonly Measurement[] = [
  latency,
  firstCommand,
  throughput,
  atOnce,
  output,
  flat,
  memory,
  start,
];
