import { expect, test } from "bun:test";
import type { ConnectionHandlers } from "../../src/sandbox/engine.ts";
import { Files } from "../../src/sandbox/files/files.ts";
import { encodeRequest, FilesType } from "../../src/sandbox/files/wire.ts";
import { encodeFrame } from "../../src/sandbox/agent/frames-wire.ts";
import { Watches } from "../../src/sandbox/files/watch.ts";

type Field = readonly [number, string | Uint8Array | boolean | bigint];

/** Files whose worker answers each request with these frames, over and over if asked to. */
function filesThat(answer: (id: bigint) => Uint8Array[], isEndless = false) {
  const open = async (_: "files" | "watch", handlers: ConnectionHandlers) => {
    let isClosed = false;
    let isTold = false;
    return {
      send: (bytes: Uint8Array) => {
        const id = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(8, true);
        const tell = () => {
          for (const frame of answer(id))
            if (!isClosed && !(isTold && frame[4] === FilesType.INFO)) handlers.onData(frame);
          isTold = true;
          if (isEndless && !isClosed) setImmediate(tell);
        };
        setImmediate(tell);
        return true;
      },
      drained: async () => {},
      end: () => {},
      pause: () => {},
      resume: () => {},
      close: () => {
        isClosed = true;
      },
    };
  };
  return new Files(open);
}

const frame =
  (type: number, ...fields: Field[]) =>
  (id: bigint) =>
    encodeRequest(type, id, fields);
const chunk = (text: string) => (id: bigint) => encodeFrame(FilesType.CHUNK, id, Buffer.from(text));
const numbers = [1, 2, 3, 4, 5, 6, 7, 8].map((tag): Field => [tag, 1n]);
const info = frame(FilesType.INFO, ...numbers, [9, "/w/"]);
const done = frame(FilesType.DONE, [1, "/w/"], [2, false], [16, 0n], [17, ""]);
const line = (path: string, number: number) =>
  `${JSON.stringify({
    type: "match",
    data: { path: { text: path }, lines: { text: "hit\n" }, line_number: number, submatches: [{ start: 0, end: 3 }] },
  })}\n`;

const all =
  (...frames: ((id: bigint) => Uint8Array)[]) =>
  (id: bigint) =>
    frames.map((one) => one(id));

async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "answered",
    (error: Error & { code?: string }) => error.code ?? error.message,
  );
}

test.each([
  ["no JSON", "hello\n"],
  ["another message", '{"type":"other","data":{}}\n'],
  ["a line number that is none", line("a", -1)],
  ["a path that is none", '{"type":"match","data":{"path":1,"lines":{"text":""},"line_number":1,"submatches":[]}}\n'],
])("%s from ripgrep ends the search as a broken protocol [find.hostile]", async (_what, text) => {
  const files = filesThat(all(info, chunk(text), done));
  expect(await outcome(files.search("x", "/w"))).toBe("AGENT_PROTOCOL");
});

test("ripgrep's output is taken in pieces of any size, and only as much as was asked for [find.hostile, find.search]", async () => {
  const text = line("./a", 1) + line("./é", 2);
  const bytes = Buffer.from(text);
  const pieces = Array.from(bytes, (byte) => (id: bigint) => encodeFrame(FilesType.CHUNK, id, Uint8Array.of(byte)));
  const found = await filesThat(all(info, ...pieces, done)).search("x", "/w");
  expect(found.lines.map(({ path, line: number }) => [path, number])).toEqual([
    ["a", 1],
    ["é", 2],
  ]);
  const endless = filesThat(all(info, chunk(line("a", 1))), true);
  expect(await endless.search("x", "/w", { limit: 3 })).toMatchObject({ matches: 3, cut: "limit", engine: "ripgrep" });
});

test("a message without an end does not fill the memory [find.hostile]", async () => {
  let sent = 0;
  const endless = filesThat((id) => {
    sent++;
    if (sent > 400) return [done(id)];
    return [encodeFrame(FilesType.CHUNK, id, new Uint8Array(262_144).fill(120))];
  }, true);
  const before = process.memoryUsage().arrayBuffers;
  expect(await endless.search("x", "/w")).toMatchObject({ matches: 0 });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
});

test("more entries than were asked for are refused [find.hostile]", async () => {
  const files = filesThat(all(frame(FilesType.ITEM, ...numbers, [16, "a"])), true);
  expect(await outcome(files.list("/w", { limit: 50 }))).toBe("AGENT_PROTOCOL");
  const folders = filesThat(all(frame(FilesType.ITEM, [16, "a/"], [18, 1n])), true);
  expect(await folders.list("/w", { limit: 50 })).toMatchObject({ entries: [], cut: "size" });
});

test("names and lines that are too long to be held together are cut [find.hostile]", async () => {
  const long = filesThat(all(info, frame(FilesType.ITEM, ...numbers, [16, "a".repeat(200_000)])), true);
  const listing = await long.list("/w", { limit: 50_000 });
  expect([listing.cut, listing.entries.length < 100]).toEqual(["size", true]);
  const lines = filesThat(
    all(info, frame(FilesType.ITEM, [1, "p".repeat(9_000)], [2, 1n], [3, "x"], [4, 0n], [5, 1n])),
    true,
  );
  expect(await lines.search("x", "/w")).toMatchObject({ cut: "size", matches: 0 });
});

test.each([
  ["a match without its line", frame(FilesType.ITEM, [1, "a"])],
  ["half a match", frame(FilesType.ITEM, [1, "a"], [2, 1n], [3, "x"], [4, 0n], [5, 1n], [6, "1234"])],
  [
    "a match outside of its line",
    frame(FilesType.ITEM, [1, "a"], [2, 1n], [3, "x"], [4, 99n], [5, 1n], [6, "12345678"]),
  ],
])("%s is refused or shown as nothing [find.hostile]", async (_what, item) => {
  const told = await outcome(filesThat(all(info, item, frame(FilesType.DONE, [1, ""], [2, false]))).search("x", "/w"));
  expect(["AGENT_PROTOCOL", "answered"]).toContain(told);
});

test("a worker for watches that talks nonsense is left, and never takes the server down [find.hostile, watch.shared]", async () => {
  let opened = 0;
  let closed = 0;
  const watches = new Watches(async (_to, handlers) => {
    opened++;
    const send = () => {
      setImmediate(() => handlers.onData(new Uint8Array(64).fill(255)));
      return true;
    };
    const close = () => {
      if (closed++ === 0) handlers.onClose();
    };
    return { send, drained: async () => {}, end: () => {}, pause: () => {}, resume: () => {}, close };
  });
  expect(await outcome(watches.watch("/w", () => {}))).toBe("SANDBOX_GONE");
  expect([opened, closed > 0]).toEqual([1, true]);
});
