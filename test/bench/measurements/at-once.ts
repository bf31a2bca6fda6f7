import type { Measurement } from "../measurement.ts";
import { timed } from "../statistics.ts";

/** Many sessions opened in the same moment, each with one command. */
export const atOnce: Measurement = {
  name: "sessions at once",
  async measure(bench) {
    const count = bench.size.sessionsAtOnce;
    const server = await bench.startServer();
    await server.untilPooled(1);
    const podexec = await allAtOnce(count, async () => {
      const session = await server.open();
      return session.exec("echo x");
    });
    await server.stop();
    const rival = await allAtOnce(count, async () => {
      const other = await bench.startRival();
      return other.exec("echo x");
    });
    const failures = { podexec: podexec.failed.length, rival: rival.failed.length };
    for (const reason of podexec.failed.slice(0, 3)) bench.say(`podexec: ${String(reason)}`);
    const target = { text: "no failure", met: failures.podexec === 0 };
    return [
      { what: `${count} sessions at once, one command each: failures`, unit: "failures", ...failures, target },
      { what: `${count} sessions at once, until all have answered`, unit: "s", podexec: podexec.s, rival: rival.s },
    ];
  },
};

async function allAtOnce(count: number, one: () => Promise<unknown>): Promise<{ failed: unknown[]; s: number }> {
  let settled: PromiseSettledResult<unknown>[] = [];
  const ms = await timed(async () => {
    settled = await Promise.allSettled(Array.from({ length: count }, one));
  });
  return { failed: settled.flatMap((result) => (result.status === "rejected" ? [result.reason] : [])), s: ms / 1000 };
}
