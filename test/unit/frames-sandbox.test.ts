import { expect, test } from "bun:test";
import { decodeProcess } from "../../src/sandbox/agent/frames-answers.ts";
import { encodeHello, encodeNote, encodeStart, MAX_KEPT } from "../../src/sandbox/agent/frames-requests.ts";
import { concat, encodeFrame, FrameType } from "../../src/sandbox/agent/frames-wire.ts";
import { bytes, field, text, u } from "../support/frame-fields.ts";

test("HELLO names the purpose of a connection, and for a port which one [agent.workers]", () => {
  const hello = (...fields: Uint8Array[]) => encodeFrame(FrameType.HELLO, 0n, concat([field(1, u(1, 2)), ...fields]));
  expect(encodeHello(1, { to: "control" })).toEqual(hello());
  expect(encodeHello(1, { to: "files" })).toEqual(hello(field(2, bytes(1))));
  expect(encodeHello(1, { to: "watch" })).toEqual(hello(field(2, bytes(2))));
  expect(encodeHello(1, { to: "port", port: 258 })).toEqual(hello(field(2, bytes(3)), field(3, bytes(2, 1))));
  expect(() => encodeHello(1, { to: "port", port: 65_536 })).toThrow("port");
});

test("a note, and what START gives to keep, are passed as they are, up to a limit [agent.kept]", () => {
  const kept = new Uint8Array(MAX_KEPT).fill(9);
  expect(encodeNote(kept)).toEqual(kept);
  expect(encodeStart({ args: ["a"], kept })).toEqual(concat([field(1, text("a")), field(10, kept)]));
  const tooLong = new Uint8Array(MAX_KEPT + 1);
  expect(() => encodeNote(tooLong)).toThrow("at most 8192");
  expect(() => encodeStart({ args: ["a"], kept: tooLong })).toThrow("at most 8192");
});

test("a process is decoded field by field, and the list's end is told [agent.processes]", () => {
  const fields = [
    field(1, u(7, 4)),
    field(2, u(6, 4)),
    field(3, u(2n ** 64n - 1n, 8)),
    field(4, u(30, 8)),
    field(5, u(4096, 8)),
    field(6, u(50, 8)),
    field(7, text("node server.js")),
    field(8, text("S")),
    field(9, text("127.0.0.1:80")),
    field(9, text("[::]:81")),
  ];
  expect(decodeProcess(concat(fields))).toEqual({
    pid: 7,
    parent: 6,
    command: 2n ** 64n - 1n,
    cpuMs: 30,
    memoryBytes: 4096,
    ageMs: 50,
    commandLine: "node server.js",
    state: "S",
    listening: ["127.0.0.1:80", "[::]:81"],
  });
  const untold = decodeProcess(concat([field(1, u(0, 4)), field(9, text("0.0.0.0:9"))]));
  expect(untold).toMatchObject({ pid: 0, command: 0n, commandLine: "", listening: ["0.0.0.0:9"] });
  expect(decodeProcess(bytes())).toBeUndefined();
});
