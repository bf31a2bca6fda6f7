import type { Session } from "../client.ts";
import type { Measurement } from "../measurement.ts";
import { median, timed } from "../statistics.ts";

const LIMIT_MS = 100;

/** A server that was killed is started again: what its sandboxes add to the start, and the first call to one of them. */
export const reconnect: Measurement = {
  name: "reconnect",
  async measure(bench) {
    const { reconnectSandboxes: count, reconnects } = bench.size;
    const starts: number[] = [];
    for (let turn = 0; turn <= reconnects; turn++) {
      const empty = await bench.startServer({ pool: 0 });
      starts.push(empty.listeningAfterMs);
      await empty.crash();
    }
    let server = await bench.startServer({ pool: 0 });
    const handles = await Promise.all(Array.from({ length: count }, async () => made(await server.open())));
    const times = { added: [] as number[], first: [] as number[] };
    for (let turn = 0; turn < reconnects; turn++) {
      await server.crash();
      server = await bench.startServer({ pool: 0 });
      times.added.push(server.listeningAfterMs - median(starts));
      const session = await server.open();
      const [handle = ""] = handles;
      times.first.push(await timed(() => session.call("shell_exec", { command: "cat /tmp/mark", sandbox: handle })));
    }
    const last = await server.open();
    for (const handle of handles) await check(last, handle);
    const added = median(times.added);
    const target = { text: `< ${LIMIT_MS} ms`, met: added < LIMIT_MS };
    const what = `restart after SIGKILL with ${count} sandboxes`;
    return [
      { what: `${what}: added to the start`, unit: "ms", podexec: added, target },
      { what: `${what}: the first command`, unit: "ms", podexec: median(times.first) },
    ];
  },
};

async function made(session: Session): Promise<string> {
  const { sandbox } = await session.call("shell_exec", { command: "echo here > /tmp/mark" });
  if (typeof sandbox !== "string") throw new Error("shell_exec names no sandbox");
  return sandbox;
}

/** @throws Error where the sandbox of a handle is not the one it was */
async function check(session: Session, sandbox: string): Promise<void> {
  const { output } = await session.call("shell_exec", { command: "cat /tmp/mark", sandbox });
  if (output !== "here\n") throw new Error(`${sandbox} is not what it was: ${String(output)}`);
}
