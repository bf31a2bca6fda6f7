import type { Session } from "../client.ts";
import type { Measurement } from "../measurement.ts";
import { residentMb } from "../memory.ts";

const SESSIONS = 4;
/** Until the runtime's heap has found its size. */
const WARM_UP = 0.5;
const FLAT_PERCENT = 10;

/** The server's memory over many commands. */
export const flat: Measurement = {
  name: "memory over many commands",
  async measure(bench) {
    const count = bench.size.flatCommands;
    const server = await bench.startServer();
    const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => server.open()));
    await runMany(sessions, Math.ceil(count * WARM_UP));
    const before = residentMb(server.pid);
    await runMany(sessions, count);
    const after = residentMb(server.pid);
    const change = (after / before - 1) * 100;
    const isFlat = Math.abs(change) <= FLAT_PERCENT;
    const told = `from ${before.toFixed(0)} to ${after.toFixed(0)} MB`;
    const target = { text: `+-${FLAT_PERCENT} %`, met: isFlat };
    return [{ what: `server memory over ${count} commands (${told})`, unit: "%", podexec: change, target }];
  },
};

async function runMany(sessions: readonly Session[], count: number): Promise<void> {
  let left = count;
  const work = async (session: Session) => {
    while (left-- > 0) await session.exec("echo x");
  };
  await Promise.all(sessions.map(work));
}
