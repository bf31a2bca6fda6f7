/** Workers that answer what they want, or nothing; and requests that no client sends. */
import { createServer, type Server, type Socket } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "bun:test";
import { connectUnix } from "../../src/podman/socket.ts";
import { PodexecError } from "../../src/errors.ts";
import { Files } from "../../src/sandbox/files/files.ts";
import { FilesType } from "../../src/sandbox/files/wire.ts";
import { encodeFrame } from "../../src/sandbox/agent/frames-wire.ts";
import { compile, isLinux, TESTED_BUILDS, until } from "../support/agent-harness.ts";
import { COMPILE_MS, bytes, failureOf, openFiles, text } from "../support/files.ts";

/** A worker that answers each request with the same bytes. */
class Liar implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "podexec-liar-"));
  readonly files: Files;
  connections = 0;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  constructor(answer: (socket: Socket) => void) {
    const path = join(this.folder, "s");
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", () => answer(socket));
    }).listen(path);
    this.files = new Files((_to, handlers) => connectUnix(path, handlers));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    rmSync(this.folder, { recursive: true });
  }
}

const frame = (type: number, payload: Uint8Array = new Uint8Array(), id = 1n) => encodeFrame(type, id, payload);
const field = (tag: number, value: Uint8Array) => Buffer.concat([Buffer.of(tag, value.length, 0, 0, 0), value]);
const info = Buffer.concat(
  [
    [1, 1],
    [2, 8],
    [3, 4],
    [4, 4],
    [5, 4],
    [6, 8],
    [7, 8],
    [8, 8],
  ].map(([tag = 0, width = 0]) => field(tag, new Uint8Array(width).fill(tag === 1 ? 1 : 0))),
);
const LIES: Record<string, Uint8Array> = {
  "a length above the largest": Uint8Array.of(255, 255, 255, 255, 67, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
  "another request's id": frame(FilesType.DONE, new Uint8Array(), 7n),
  "a type that is no answer": frame(99),
  "DONE without INFO": frame(FilesType.DONE),
  "a field that exceeds its frame": frame(FilesType.INFO, Uint8Array.of(1, 255, 255, 255, 255, 0)),
  "a number of three bytes": frame(FilesType.INFO, field(1, new Uint8Array(3))),
  "a size that no number holds": frame(
    FilesType.INFO,
    Buffer.concat([field(1, Uint8Array.of(1)), field(2, new Uint8Array(8).fill(255))]),
  ),
  "more bytes than were asked for": Buffer.concat([
    frame(FilesType.INFO, info),
    frame(FilesType.CHUNK, new Uint8Array(200_000)),
  ]),
  "INFO again": Buffer.concat([frame(FilesType.INFO, info), frame(FilesType.INFO, info)]),
  "a piece of nothing": frame(FilesType.CHUNK),
  "one of many where there is one": frame(FilesType.ITEM, info),
  "an error without a name": frame(
    FilesType.FAIL,
    Buffer.concat([field(1, new Uint8Array(4)), field(2, bytes("\u001b[31m")), field(3, bytes("x"))]),
  ),
  noise: new Uint8Array(1_000).map((_, i) => (i * 73) % 251),
};

describe("files of a hostile sandbox", () => {
  test.each(Object.entries(LIES))("%s ends the request and its connection [files.hostile]", async (_, lie) => {
    await using liar = new Liar((socket) => void socket.write(lie));
    const failure = await failureOf(liar.files.read("a", { length: 100_000 }));
    expect(failure).toMatch(/^AGENT_PROTOCOL: /);
    expect(failure).not.toContain("\u001b");
    await liar.files.read("a", { length: 100_000 }).catch(() => {});
    expect(liar.connections).toBe(lie === LIES["DONE without INFO"] ? 1 : 2);
  });

  test.each(["", ".", "..", "a/b", "/etc", "a\0b"])(
    "an entry named %j is refused [files.hostile, cp.hostile]",
    async (name) => {
      const item = frame(FilesType.ITEM, Buffer.concat([info, field(12, bytes(name))]));
      await using liar = new Liar((socket) => void socket.write(item));
      expect(await failureOf(liar.files.entries("a"))).toMatch(/^AGENT_PROTOCOL: .*without a name/);
    },
  );

  test("a worker that says nothing is dropped, and others are asked meanwhile [files.workers, files.hostile]", async () => {
    await using liar = new Liar(() => {});
    const signal = AbortSignal.timeout(300);
    const all = await Promise.all(Array.from({ length: 6 }, () => failureOf(liar.files.stat("a", { signal }))));
    expect(all.every((failure) => failure.startsWith("CANCELLED"))).toBe(true);
    expect(liar.connections).toBe(4);
    const asked = { type: FilesType.STAT, fields: [[1, "a"] as const], silenceMs: 100 };
    expect(await failureOf(liar.files.ask(asked, "look at", "a"))).toMatch(/FILE_ERROR: .*did not answer .*0\.1 s/);
  });

  test("a worker that ends is asked again only where that changes nothing [files.workers]", async () => {
    let answers = 0;
    await using liar = new Liar((socket) => {
      if (answers++ === 1) socket.destroy();
      else socket.write(Buffer.concat([frame(FilesType.INFO, info), frame(FilesType.DONE)]));
    });
    expect((await liar.files.stat("a")).kind).toBe("file");
    expect((await liar.files.stat("a")).kind).toBe("file");
    expect([answers, liar.connections]).toEqual([3, 2]);
    answers = 1;
    const error = await liar.files.delete("a").catch((thrown: unknown) => thrown);
    expect(error instanceof PodexecError && [error.code, error.message]).toEqual([
      "SANDBOX_GONE",
      expect.stringContaining("unknown"),
    ]);
    expect(answers).toBe(2);
  });
});

describe.skipIf(!isLinux).each(TESTED_BUILDS)("files, %s build: a hostile client", (build) => {
  beforeAll(() => void compile(build), COMPILE_MS);

  test("5,000 mutated requests end no worker but their own [files.fuzzed]", async () => {
    await using on = await openFiles(build);
    writeFileSync(on.at("a"), "content\n".repeat(1_000));
    let state = 42;
    const any = (below: number) => ((state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8) % below;
    const words = [on.at("a"), on.at("b/c"), on.folder, "~", "", "/proc/self/maps", "x".repeat(5_000), "\0"];
    const request = () => {
      const fields = Array.from({ length: any(5) }, () => {
        const tag = any(3) === 0 ? any(256) : ([1, 1, 2, 16, 17, 18, 19][any(7)] ?? 1);
        const isWord = tag === 1 || any(2) === 0;
        const number = new Uint8Array([1, 2, 4, 8, 32][any(5)] ?? 0).fill(any(256));
        const value = isWord ? bytes(words[any(words.length)] ?? "") : number;
        return Buffer.concat([Buffer.of(tag, value.length & 255, value.length >> 8, 0, 0), value]);
      });
      // This is the host: nothing is deleted or moved, and written to the folder only.
      const type = [1, 2, 3, 4, 5, 6, 7, 11, 13, 63, 200][any(11)] ?? 1;
      const whole = Buffer.from(frame(type, Buffer.concat(fields), BigInt(any(3))));
      if (type !== FilesType.WRITE)
        for (let i = any(3); i > 0; i--) whole[16 + any(Math.max(1, whole.length - 16))] = any(256);
      if (any(50) === 0) whole[any(4)] = any(256);
      return whole;
    };
    for (let i = 0; i < 50; i++) {
      let isOver = false;
      const connection = await on.open("files", { onData: () => {}, onClose: () => (isOver = true) });
      for (let n = 0; n < 100; n++) connection.send(request());
      connection.end();
      await until(() => isOver, "the worker's end");
    }
    expect(text((await on.files.read(on.at("a"), { length: 7 })).bytes)).toBe("content");
  }, 60_000);
});
