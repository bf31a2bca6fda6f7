import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Measurement, Row } from "../measurement.ts";
import { median, timed } from "../statistics.ts";

const TURNS = 5;
const LEAST = 300;

/** A big file into a sandbox and out of it, by whole command lines; the rival's is `podman cp`. */
export const transfer: Measurement = {
  name: "transfer",
  async measure({ size, ...bench }) {
    const server = await bench.startServer();
    const session = await server.open();
    const rival = await bench.startRival();
    const { sandbox } = await session.call("shell_exec", { command: "echo x" });
    const here = join(tmpdir(), `podexec-bench-${server.pid}`);
    const back = `${here}-back`;
    // Bytes that no file system can leave out.
    const bytes = Buffer.alloc(size.transferBytes).map((_, i) => (i * 2_654_435_761) >>> 24);
    const times = { in: [] as number[], out: [] as number[], rivalIn: [] as number[], rivalOut: [] as number[] };
    try {
      writeFileSync(here, bytes);
      for (let turn = 0; turn < TURNS; turn++) {
        times.in.push(await timed(() => server.cp(here, `${String(sandbox)}:/tmp/big`)));
        times.rivalIn.push(await timed(() => rival.cp(here, `${rival.name}:/tmp/big`)));
        times.out.push(await timed(() => server.cp(`${String(sandbox)}:/tmp/big`, back)));
        if (!readFileSync(back).equals(bytes)) throw new Error("what came back is not what was copied");
        times.rivalOut.push(await timed(() => rival.cp(`${rival.name}:/tmp/big`, back)));
      }
    } finally {
      for (const file of [here, back]) rmSync(file, { force: true });
    }
    const rate = (ms: readonly number[]) => bytes.length / 1000 / median(ms);
    const row = (what: string, own: number[], other: number[]): Row => {
      const podexec = rate(own);
      const target = { text: `>= ${LEAST} MB/s`, met: podexec >= LEAST };
      return { what: `${bytes.length / 1e6} MB ${what}`, unit: "MB/s", podexec, rival: rate(other), target };
    };
    return [row("into a sandbox, cp", times.in, times.rivalIn), row("out of it, cp", times.out, times.rivalOut)];
  },
};
