import { timedNatively } from "../native.ts";
import type { Bench, Measurement, Row } from "../measurement.ts";
import { median, quantile, timedEach } from "../statistics.ts";

const COMMAND = "echo x";
const OVER_NATIVE_MS = 1.5;
const TIMES_FASTER = 50;

/** One small command after the other, by every way in turn, so that noise hits all of them. */
export const latency: Measurement = {
  name: "a command",
  async measure(bench) {
    const times = await takeTurns(bench);
    const rival = median(times.rival);
    const limit = median(times.native) + OVER_NATIVE_MS;
    const http = median(times.http);
    const isFast = http <= limit && rival / http >= TIMES_FASTER;
    const target = { text: `<= native + ${OVER_NATIVE_MS} ms, >= ${TIMES_FASTER}x`, met: isFast };
    const row = (what: string, podexec: number, other: number): Row => ({ what, unit: "ms", podexec, rival: other });
    return [
      { ...row("command over HTTP, p50", http, rival), target },
      row("command over HTTP, p99", quantile(times.http, 0.99), quantile(times.rival, 0.99)),
      row("command over stdio, p50", median(times.stdio), rival),
      row("command over stdio, p99", quantile(times.stdio, 0.99), quantile(times.rival, 0.99)),
      row("native: the same posix_spawned in the sandbox, p50", median(times.native), rival),
    ];
  },
};

async function takeTurns({ size, ...bench }: Bench) {
  const server = await bench.startServer();
  const http = await server.open();
  const stdio = await bench.startStdio();
  const rival = await bench.startRival();
  const times = { http: [] as number[], stdio: [] as number[], native: [] as number[], rival: [] as number[] };
  for (const way of [http, stdio, rival]) await timedEach(Math.min(size.commands, 20), () => way.exec(COMMAND));
  await server.untilPooled(1);
  for (let round = 0; round < size.rounds; round++) {
    times.native.push(...(await timedNatively(http, size.commands, COMMAND)));
    times.http.push(...(await timedEach(size.commands, () => http.exec(COMMAND))));
    times.rival.push(...(await timedEach(Math.ceil(size.commands / 20), () => rival.exec(COMMAND))));
    times.stdio.push(...(await timedEach(size.commands, () => stdio.exec(COMMAND))));
  }
  return times;
}
