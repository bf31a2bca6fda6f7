import type { Measurement } from "../measurement.ts";
import { median, timedEach } from "../statistics.ts";

const SIZES = [
  { what: "1 KB", bytes: 1_000, limitMs: 3 },
  { what: "1 MB", bytes: 1_000_000, limitMs: undefined },
];

/** A file read through MCP; the rival prints it with cat. */
export const fileRead: Measurement = {
  name: "file_read",
  async measure({ size, ...bench }) {
    const server = await bench.startServer();
    const session = await server.open();
    const rival = await bench.startRival();
    const rows = [];
    for (const { what, bytes, limitMs } of SIZES) {
      const make = `head -c ${bytes} /dev/zero | tr '\\0' x | fold -w 79 > /tmp/f`;
      await session.exec(make);
      await rival.exec(make);
      const total = Number(await session.exec("stat -c %s /tmp/f"));
      const read = async () => {
        const { content } = await session.call("file_read", { path: "/tmp/f", length: total });
        if (typeof content !== "string" || content.length !== total) throw new Error(`file_read: not ${total} bytes`);
      };
      await timedEach(10, read);
      const podexec = median(await timedEach(Math.min(size.commands, bytes > 100_000 ? 50 : size.commands), read));
      const other = median(await timedEach(Math.ceil(size.commands / 20), () => rival.exec("cat /tmp/f")));
      const target = limitMs && { target: { text: `< ${limitMs} ms`, met: podexec < limitMs } };
      rows.push({ what: `file_read of ${what}, p50`, unit: "ms" as const, podexec, rival: other, ...target });
    }
    return rows;
  },
};
