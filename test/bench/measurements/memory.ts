import type { Measurement } from "../measurement.ts";
import { privateMb, residentMb } from "../memory.ts";

const SANDBOXES = 10;
const LIMIT_MB = 3;

/** What a sandbox costs beside what its user starts in it, and what the server costs with nothing to do. */
export const memory: Measurement = {
  name: "memory",
  async measure(bench) {
    const server = await bench.startServer();
    await server.untilPooled(1);
    const idle = { resident: residentMb(server.pid), own: privateMb(server.pid) };
    const sessions = await Promise.all(Array.from({ length: SANDBOXES }, () => server.open()));
    await Promise.all(sessions.map((session) => session.exec("echo x")));
    await server.untilPooled(1);
    const rival = await bench.startRival();
    const share = Math.max(0, privateMb(server.pid) - idle.own) / SANDBOXES;
    const podexec = (await server.sandboxMb()) + share;
    const rivalMb = await rival.memoryMb();
    const target = { text: `<= ${LIMIT_MB} MB`, met: podexec <= LIMIT_MB };
    return [
      { what: "memory of a sandbox: agent, conmon, share of podexec", unit: "MB", podexec, rival: rivalMb, target },
      { what: "memory of the idle server, resident", unit: "MB", podexec: idle.resident },
    ];
  },
};
