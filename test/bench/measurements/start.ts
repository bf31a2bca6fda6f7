import type { Measurement } from "../measurement.ts";
import { median } from "../statistics.ts";

const LIMIT_MS = 300;

/** From the start of the process to a listening server, with the image there and the host known. */
export const start: Measurement = {
  name: "start",
  async measure(bench) {
    const times: number[] = [];
    for (let count = 0; count < bench.size.starts; count++) {
      const server = await bench.startServer();
      times.push(server.listeningAfterMs);
      await server.stop();
    }
    const podexec = median(times);
    const target = { text: `< ${LIMIT_MS} ms`, met: podexec < LIMIT_MS };
    return [{ what: "start to listening", unit: "ms", podexec, target }];
  },
};
