import type { Measurement } from "../measurement.ts";

const CALLS_A_SECOND = 400;
const TURNS = 2;

/** Sessions side by side, each sending its next command as soon as it has the answer to the last. */
export const throughput: Measurement = {
  name: "sessions side by side",
  async measure(bench) {
    const count = bench.size.throughputSessions;
    const server = await bench.startServer({ pool: 0 });
    const each = Array.from({ length: count });
    const sessions = await Promise.all(each.map(() => server.open()));
    const rivals = await Promise.all(each.map(() => bench.startRival()));
    await Promise.all(sessions.map((session) => session.exec("echo x")));
    const rates = { podexec: 0, rival: 0 };
    const limit = bench.size.throughputMs / TURNS;
    for (let turn = 0; turn < TURNS; turn++) {
      rates.podexec += (await callsASecond(sessions, limit)) / TURNS;
      rates.rival += (await callsASecond(rivals, limit)) / TURNS;
    }
    const target = { text: `>= ${CALLS_A_SECOND} calls/s`, met: rates.podexec >= CALLS_A_SECOND };
    return [{ what: `commands over ${count} sessions`, unit: "calls/s", ...rates, target }];
  },
};

async function callsASecond(all: readonly { exec(command: string): Promise<unknown> }[], ms: number): Promise<number> {
  const startedAt = performance.now();
  let calls = 0;
  const work = async (one: { exec(command: string): Promise<unknown> }) => {
    while (performance.now() - startedAt < ms) {
      await one.exec("echo x");
      calls++;
    }
  };
  await Promise.all(all.map(work));
  return (calls * 1000) / (performance.now() - startedAt);
}
