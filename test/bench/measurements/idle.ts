import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs } from "../memory.ts";
import type { Measurement } from "../measurement.ts";

const EACH = 10;
const LIMIT_PERCENT = 1;
const WAIT_MS = 110_000;

/** Many commands that wait, each with a call that waits for it. */
export const idle: Measurement = {
  name: "idle commands",
  async measure(bench) {
    const { idleSandboxes: count, idleMs } = bench.size;
    const server = await bench.startServer({ pool: 0 });
    const sessions = await Promise.all(Array.from({ length: count }, () => server.open()));
    await Promise.all(sessions.map((session) => session.exec("echo x")));
    const waiting = sessions.flatMap((session) =>
      Array.from({ length: EACH }, () => session.call("shell_exec", { command: "sleep 600", wait_ms: WAIT_MS })),
    );
    const early = Promise.race(waiting).then((result) => {
      throw new Error(`a command that sleeps has ended: ${JSON.stringify(result).slice(0, 200)}`);
    });
    early.catch(() => {});
    await Promise.race([sleep(2_000), early]);
    const sandboxes = await server.processes();
    const before = { server: cpuMs([server.pid]), sandboxes: cpuMs(sandboxes) };
    await Promise.race([sleep(idleMs), early]);
    const share = { server: cpuMs([server.pid]) - before.server, sandboxes: cpuMs(sandboxes) - before.sandboxes };
    // Calls that nobody waits for would keep this process until their time is over.
    await Promise.all(sessions.map((session) => session.close()));
    const percent = (ms: number) => (ms / idleMs) * 100;
    const told = `${count * EACH} commands waiting in ${count} sandboxes: CPU of`;
    const row = (what: string, ms: number) => {
      const target = { text: `< ${LIMIT_PERCENT} %`, met: percent(ms) < LIMIT_PERCENT };
      return { what: `${told} ${what}`, unit: "%" as const, podexec: percent(ms), target };
    };
    return [row("the server", share.server), row("all sandboxes together", share.sandboxes)];
  },
};
