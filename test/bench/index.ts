import type { Measurement } from "./measurement.ts";
import { atOnce } from "./measurements/at-once.ts";
import { fileRead } from "./measurements/file-read.ts";
import { flat } from "./measurements/flat.ts";
import { firstCommand } from "./measurements/first-command.ts";
import { idle } from "./measurements/idle.ts";
import { latency } from "./measurements/latency.ts";
import { memory } from "./measurements/memory.ts";
import { output } from "./measurements/output.ts";
import { reconnect } from "./measurements/reconnect.ts";
import { start } from "./measurements/start.ts";
import { throughput } from "./measurements/throughput.ts";
import { transfer } from "./measurements/transfer.ts";

/** THE table of measurements, in the order of the rows. */
export const measurements: readonly Measurement[] = [
  latency,
  firstCommand,
  throughput,
  atOnce,
  output,
  fileRead,
  transfer,
  flat,
  memory,
  idle,
  start,
  reconnect,
];
