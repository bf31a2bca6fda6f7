import type { Measurement } from "../measurement.ts";
import { median, timed } from "../statistics.ts";

const TURNS = 3;

/** Much output of one command. podexec answers head and tail and keeps the whole in a file; the rival hands out all. */
export const output: Measurement = {
  name: "much output",
  async measure(bench) {
    const { outputBytes } = bench.size;
    const server = await bench.startServer();
    const session = await server.open();
    const rival = await bench.startRival();
    await session.exec("echo x");
    await server.untilPooled(1);
    const command = `head -c ${outputBytes} /dev/zero | tr '\\0' x`;
    const times = { podexec: [] as number[], rival: [] as number[] };
    for (let turn = 0; turn < TURNS; turn++) {
      times.podexec.push(await timed(() => session.exec(command)));
      times.rival.push(await timed(() => rival.exec(command)));
    }
    const seconds = { podexec: median(times.podexec) / 1000, rival: median(times.rival) / 1000 };
    const megabytes = outputBytes / 1e6;
    const rate = { podexec: megabytes / seconds.podexec, rival: megabytes / seconds.rival };
    return [
      { what: `${megabytes} MB of output in one command`, unit: "s", ...seconds },
      { what: `${megabytes} MB of output, throughput`, unit: "MB/s", ...rate },
    ];
  },
};
