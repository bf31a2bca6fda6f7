import { expect, test } from "bun:test";
import {
  decodeAck,
  decodeBye,
  decodeData,
  decodeError,
  decodeExited,
  decodeHello,
  decodeListed,
  decodeOutput,
  decodeProcess,
  decodeStarted,
  Why,
} from "../../src/sandbox/agent/frames-answers.ts";
import {
  encodeAttach,
  encodeHello,
  encodeKill,
  encodeRead,
  encodeResize,
  encodeShutdown,
  encodeSignal,
  encodeStart,
  FROM_END,
} from "../../src/sandbox/agent/frames-requests.ts";
import {
  concat,
  encodeFrame,
  FrameDecoder,
  FrameType,
  HEADER_SIZE,
  MAX_PAYLOAD,
  ProtocolError,
  type Frame,
} from "../../src/sandbox/agent/frames-wire.ts";
import { bytes, field, text, u } from "../support/frame-fields.ts";

const exitedFields = (base = 0) =>
  concat([
    field(base + 1, u(Why.TIMED_OUT, 1)),
    field(base + 2, u(143, 4)),
    field(base + 3, u(70_000, 8)),
    field(base + 4, u(1234, 8)),
    field(base + 5, u(3, 4)),
    field(base + 6, u(1, 4)),
    field(base + 7, concat([u(42, 4), text("sleep 9")])),
    field(base + 8, u(1, 4)),
    field(base + 9, text("/tmp/x.out")),
    field(base + 10, u(2, 4)),
    field(base + 11, u(17, 8)),
    field(base + 12, text("why")),
  ]);
const exited = {
  why: Why.TIMED_OUT,
  status: 143,
  total: 70_000,
  durationUs: 1234,
  killed: 3,
  survivors: 1,
  left: [{ pid: 42, command: "sleep 9" }],
  leftCount: 1,
  file: "/tmp/x.out",
  oomKills: 2,
  dropped: 17,
  message: "why",
};

test("frames survive the way through bytes, whatever their size [agent.protocol]", () => {
  for (const size of [0, 1, 15, 16, 4096, MAX_PAYLOAD]) {
    const payload = new Uint8Array(size).fill(7);
    const frames = new FrameDecoder().push(encodeFrame(FrameType.INPUT, 2n ** 64n - 1n, payload));
    expect(frames).toEqual([{ type: FrameType.INPUT, id: 2n ** 64n - 1n, payload }]);
  }
});

test("a stream may be cut anywhere [agent.protocol]", () => {
  const stream = concat([
    encodeFrame(FrameType.PING, 0n),
    encodeFrame(FrameType.INPUT, 5n, text("hello")),
    encodeFrame(FrameType.KILL, 6n, encodeKill(100)),
  ]);
  const whole = new FrameDecoder().push(stream);
  expect(whole.length).toBe(3);
  for (let cut = 0; cut <= stream.length; cut++) {
    const decoder = new FrameDecoder();
    expect([...decoder.push(stream.slice(0, cut)), ...decoder.push(stream.slice(cut))]).toEqual(whole);
  }
  const decoder = new FrameDecoder();
  expect([...stream].flatMap((byte) => decoder.push(bytes(byte)))).toEqual(whole);
});

test("a frame that is too long, or whose zero bytes are not, is refused before its payload comes [agent.hostile]", () => {
  const header = (length: number, zero: number) => concat([u(length, 4), bytes(67, 0, zero, 0), u(1, 8)]);
  expect(() => new FrameDecoder().push(header(MAX_PAYLOAD + 1, 0))).toThrow(ProtocolError);
  expect(() => new FrameDecoder().push(header(0xffff_ffff, 0))).toThrow("frame length");
  expect(() => new FrameDecoder().push(header(0, 1))).toThrow("bytes 5 to 7");
  expect(new FrameDecoder().push(header(MAX_PAYLOAD, 0))).toEqual([]);
});

test("requests are laid out as the protocol says [agent.protocol]", () => {
  expect(encodeHello(1)).toEqual(concat([u(7, 4), bytes(1, 0, 0, 0), u(0, 8), field(1, u(1, 2))]));
  expect(encodeKill(258)).toEqual(u(258, 4));
  expect(encodeSignal(15)).toEqual(u(15, 4));
  expect(encodeShutdown(0)).toEqual(u(0, 4));
  expect(encodeResize({ rows: 24, columns: 300 })).toEqual(concat([u(24, 2), u(300, 2)]));
  expect(encodeRead(FROM_END, 10)).toEqual(concat([new Uint8Array(8).fill(255), u(10, 4)]));
  expect(encodeAttach({ offset: 3, head: 4, tail: 5 })).toEqual(concat([u(3, 8), u(4, 4), u(5, 4)]));
  const options = {
    args: ["sh", "-c"],
    env: ["A=b=c"],
    cwd: "/",
    timeoutMs: 1,
    graceMs: 2,
    stdin: true,
    head: 3,
    tail: 4,
  };
  expect(encodeStart({ ...options, terminal: { rows: 1, columns: 2 } })).toEqual(
    concat([
      field(1, text("sh")),
      field(1, text("-c")),
      field(2, text("A=b=c")),
      field(3, text("/")),
      field(4, u(1, 4)),
      field(5, u(2, 4)),
      field(7, u(3, 4)),
      field(8, u(4, 4)),
      field(6, bytes(1)),
      field(9, concat([u(1, 2), u(2, 2)])),
    ]),
  );
});

test("what the agent would refuse is not sent [agent.protocol]", () => {
  expect(() => encodeStart({ args: [] })).toThrow("program is missing");
  expect(() => encodeStart({ args: ["a\0b"] })).toThrow("NUL");
  expect(() => encodeStart({ args: ["a"], env: ["=x"] })).toThrow("NAME=value");
  expect(() => encodeStart({ args: ["a"], timeoutMs: 2 ** 32 })).toThrow("timeoutMs");
  expect(() => encodeKill(-1)).toThrow("graceMs");
  expect(() => encodeResize({ rows: 1.5, columns: 1 })).toThrow("rows");
  expect(() => encodeRead(-1n, 1)).toThrow("offset");
  expect(() => encodeFrame(FrameType.INPUT, 1n, new Uint8Array(MAX_PAYLOAD + 1))).toThrow(RangeError);
});

test("answers are decoded field by field [agent.protocol]", () => {
  const hello = concat([field(1, u(1, 2)), field(2, text("1.0")), field(3, new Uint8Array(16)), field(4, text("w"))]);
  const told = { version: 1, agent: "1.0", instance: "0".repeat(32), warnings: ["w"] };
  expect(decodeHello(hello)).toEqual({ ...told, note: bytes() });
  expect(decodeHello(concat([hello, field(5, text("n"))]))).toEqual({ ...told, note: text("n") });
  expect(decodeStarted(u(77, 4))).toBe(77);
  expect(decodeAck(u(2n ** 40n, 8))).toBe(2 ** 40);
  expect(decodeOutput(concat([u(9, 8), text("x")]))).toEqual({ offset: 9, data: text("x") });
  expect(decodeData(concat([u(9, 8), u(10, 8), text("x")]))).toEqual({ offset: 9, total: 10, data: text("x") });
  expect(decodeExited(exitedFields())).toEqual(exited);
  const error = concat([field(1, text("busy")), field(2, text("fork")), field(3, u(11, 4))]);
  expect(decodeError(error)).toEqual({ code: "busy", message: "fork", errno: 11 });
  expect(decodeBye(text("lease"))).toBe("lease");
});

test("a list's entries carry how they ended, and its end is told [agent.protocol]", () => {
  const common = [field(2, u(4, 4)), field(3, u(5, 8)), field(4, text("sh")), field(4, text("-c")), field(5, u(6, 8))];
  const listed = (id: bigint, state: number, ...more: Uint8Array[]): Frame => ({
    type: FrameType.LISTED,
    id,
    payload: concat([field(1, bytes(state)), ...common, ...more]),
  });
  const known = { id: 8n, pid: 4, total: 5, args: ["sh", "-c"], ageMs: 6, kept: bytes() };
  expect(decodeListed(listed(8n, 1, field(6, text("k"))))).toMatchObject({ kept: text("k") });
  expect(decodeListed(listed(8n, 1))).toEqual({ ...known, state: "running" });
  const state = "finished with processes left";
  expect(decodeListed(listed(8n, 3, exitedFields(32)))).toEqual({ ...known, state, exited });
  expect(decodeListed({ type: FrameType.LISTED, id: 0n, payload: bytes() })).toBeUndefined();
  expect(() => decodeListed(listed(8n, 9))).toThrow("LISTED state");
});

test("fields that a newer agent adds are skipped [agent.protocol]", () => {
  expect(decodeExited(concat([field(200, text("new")), exitedFields(), field(31, bytes())]))).toEqual(exited);
});

test("hostile answers are protocol errors that name the field [agent.hostile]", () => {
  const failures: [() => unknown, string][] = [
    [() => decodeStarted(u(1, 2)), "STARTED"],
    [() => decodeAck(u(2n ** 53n, 8)), "INPUT_ACK"],
    [() => decodeOutput(bytes(1, 2)), "OUTPUT"],
    [() => decodeData(u(1, 8)), "DATA"],
    [() => decodeData(concat([u(0, 8), new Uint8Array(8).fill(255)])), "DATA total"],
    [() => decodeHello(field(1, u(1, 4))), "HELLO instance is missing"],
    [() => decodeHello(field(3, u(1, 4))), "16 bytes"],
    [() => decodeExited(bytes()), "EXITED why is missing"],
    [() => decodeExited(field(1, bytes(6))), "EXITED why is unknown"],
    [() => decodeExited(concat([field(1, bytes(1)), field(2, u(0, 8))])), "EXITED status"],
    [() => decodeExited(concat([exitedFields(), bytes(1, 255, 255, 255, 255)])), "longer than the frame"],
    [() => decodeError(bytes(1, 2, 3)), "ERROR field header"],
    [() => decodeProcess(field(2, u(1, 4))), "PROCESS pid is missing"],
    [() => decodeProcess(concat([field(1, u(1, 4)), field(3, u(1, 4))])), "PROCESS"],
    [() => decodeProcess(concat([field(1, u(1, 4)), field(5, u(2n ** 60n, 8))])), "PROCESS memory"],
  ];
  for (const [attempt, message] of failures) {
    expect(attempt).toThrow(ProtocolError);
    expect(attempt).toThrow(message);
  }
  const left = Array.from({ length: 21 }, () => field(7, u(1, 4)));
  expect(() => decodeExited(concat([exitedFields(), ...left]))).toThrow("more than 20");
});

test("text that is not UTF-8 is replaced and control characters stay [agent.hostile]", () => {
  const message = decodeError(concat([field(1, text("x")), field(2, bytes(0xff, 0x1b, 0x0a))])).message;
  expect(message).toBe("\ufffd\u001b\n");
});

test("no bytes make the decoders fail otherwise than with a protocol error [agent.hostile]", () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const decoders = [
    decodeHello,
    decodeStarted,
    decodeAck,
    decodeOutput,
    decodeData,
    decodeExited,
    decodeError,
    decodeBye,
    decodeProcess,
  ];
  for (let round = 0; round < 20_000; round++) {
    const payload = random(2) ? exitedFields().slice(0, random(200)) : new Uint8Array(random(64));
    for (let change = random(8); change > 0 && payload.length; change--) payload[random(payload.length)] = random(256);
    const frame = { type: FrameType.LISTED, id: 1n, payload };
    for (const decode of [...decoders, () => decodeListed(frame)]) expectProtocolErrorOnly(() => decode(payload));
    const header = encodeFrame(random(256), 1n, payload);
    header[random(HEADER_SIZE)] = random(256);
    expectProtocolErrorOnly(() => new FrameDecoder().push(header));
  }
});

function expectProtocolErrorOnly(attempt: () => unknown): void {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}
