import type { Bench, Measurement } from "../measurement.ts";
import type { PodexecServer } from "../server.ts";
import { median, timed } from "../statistics.ts";

const POOLED_LIMIT_MS = 15;

/** The first command of a session, which finds its sandbox waiting or has to wait for it. */
export const firstCommand: Measurement = {
  name: "the first command of a session",
  async measure(bench) {
    const pooling = await bench.startServer({ pool: 1 });
    const cold = await bench.startServer({ pool: 0 });
    const times = { pooled: [] as number[], cold: [] as number[], rival: [] as number[] };
    for (let round = 0; round < bench.size.firstCommands; round++) {
      await pooling.untilPooled(1);
      times.pooled.push(await firstOf(pooling));
      await pooling.untilPooled(1);
      times.cold.push(await firstOf(cold));
      times.rival.push(await firstOfRival(bench));
    }
    const rival = median(times.rival);
    const pooled = median(times.pooled);
    const target = { text: `< ${POOLED_LIMIT_MS} ms`, met: pooled < POOLED_LIMIT_MS };
    return [
      { what: "first command of a session, pooled", unit: "ms", podexec: pooled, rival, target },
      { what: "first command of a session, no pool", unit: "ms", podexec: median(times.cold), rival },
    ];
  },
};

async function firstOf(server: PodexecServer): Promise<number> {
  const session = await server.open();
  try {
    return await timed(() => session.exec("echo x"));
  } finally {
    await session.close();
  }
}

async function firstOfRival(bench: Bench): Promise<number> {
  const startedAt = performance.now();
  const rival = await bench.startRival();
  await rival.exec("echo x");
  const took = performance.now() - startedAt;
  await rival.stop();
  return took;
}
