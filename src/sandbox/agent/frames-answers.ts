/** What the agent sends, decoded. Every byte of it may be hostile: anything out of bounds is a ProtocolError. */
import { type Frame, ProtocolError } from "./frames-wire.ts";

/** The agent's HELLO. Warnings say what its lock-down could not do. */
export interface Hello {
  readonly version: number;
  readonly agent: string;
  readonly instance: string;
  readonly warnings: readonly string[];
  /** As the last NOTE set it; empty where there was none. */
  readonly note: Uint8Array;
}

/** A piece of output and where it belongs. The data may share the received chunk's memory. */
export interface Output {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** READ's answer. An offset above the one asked for means that the bytes between were not kept. */
export interface Data extends Output {
  readonly total: number;
}

/** Why a command ended: EXITED's first field. */
export const Why = { EXITED: 1, SIGNALLED: 2, TIMED_OUT: 3, KILLED: 4, NOT_STARTED: 5 } as const;

/** A process that a command left running. */
export interface LeftProcess {
  readonly pid: number;
  readonly command: string;
}

/** How a command ended. */
export interface Exited {
  /** One of Why. */
  readonly why: number;
  readonly status: number;
  readonly total: number;
  readonly durationUs: number;
  readonly killed: number;
  readonly survivors: number;
  readonly left: readonly LeftProcess[];
  readonly leftCount: number;
  readonly file?: string;
  readonly oomKills: number;
  readonly dropped: number;
  readonly message?: string;
}

/** One known command. */
export interface Listed {
  readonly id: bigint;
  readonly state: "running" | "finished" | "finished with processes left";
  readonly pid: number;
  readonly total: number;
  readonly args: readonly string[];
  readonly ageMs: number;
  /** What START gave to keep. */
  readonly kept: Uint8Array;
  /** Bytes of standard input that it was given, taken or not; undefined where the agent does not say. */
  readonly input?: number;
  readonly exited?: Exited;
}

/** One process in the sandbox; pid 0 stands for ports that listen and whose process cannot be told. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The command it belongs to; 0 where none can be told. */
  readonly command: bigint;
  /** User and system time so far. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
  readonly ageMs: number;
  readonly commandLine: string;
  /** One letter, as in proc_pid_stat(5). */
  readonly state: string;
  /** Addresses it listens on, such as `127.0.0.1:8080` or `[::]:80`. */
  readonly listening: readonly string[];
}

export interface AgentError {
  readonly code: string;
  readonly message: string;
  readonly errno?: number;
}

const STATES: readonly (Listed["state"] | undefined)[] = [
  undefined,
  "running",
  "finished",
  "finished with processes left",
];
const MAX_LEFT = 20;

/** HELLO. */
export function decodeHello(payload: Uint8Array): Hello {
  const fields = readFields("HELLO", payload);
  const instance = fields.bytes(3, "instance");
  if (instance.length !== 16) throw new ProtocolError("HELLO instance is not 16 bytes");
  return {
    version: fields.number(1, 2, "version"),
    agent: fields.text(2) ?? "",
    instance: Array.from(instance, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    warnings: fields.texts(4),
    note: fields.all(5)[0] ?? new Uint8Array(0),
  };
}

/** STARTED: the main process's pid inside the sandbox. */
export function decodeStarted(payload: Uint8Array): number {
  return exactly("STARTED", payload, 4).getUint32(0, true);
}

/** OUTPUT. */
export function decodeOutput(payload: Uint8Array): Output {
  const offset = safe("OUTPUT offset", atLeast("OUTPUT", payload, 8).getBigUint64(0, true));
  return { offset, data: payload.subarray(8) };
}

/** INPUT_ACK: bytes of standard input that were taken so far. */
export function decodeAck(payload: Uint8Array): number {
  return safe("INPUT_ACK", exactly("INPUT_ACK", payload, 8).getBigUint64(0, true));
}

/** DATA. */
export function decodeData(payload: Uint8Array): Data {
  const view = atLeast("DATA", payload, 16);
  const offset = safe("DATA offset", view.getBigUint64(0, true));
  return { offset, total: safe("DATA total", view.getBigUint64(8, true)), data: payload.subarray(16) };
}

/** EXITED. */
export function decodeExited(payload: Uint8Array): Exited {
  return exitedOf(readFields("EXITED", payload), 0);
}

/** LISTED; undefined for the one that ends the list. */
export function decodeListed(frame: Frame): Listed | undefined {
  if (frame.id === 0n) return undefined;
  const fields = readFields("LISTED", frame.payload);
  const state = STATES[fields.number(1, 1, "state")];
  if (!state) throw new ProtocolError("LISTED state is unknown");
  return {
    id: frame.id,
    state,
    pid: fields.number(2, 4, "pid"),
    total: fields.number(3, 8, "total"),
    args: fields.texts(4),
    ageMs: fields.number(5, 8, "age"),
    kept: fields.all(6)[0] ?? new Uint8Array(0),
    ...(fields.has(7) ? { input: fields.number(7, 8, "input") } : {}),
    ...(state === "running" ? {} : { exited: exitedOf(fields, 32) }),
  };
}

/** PROCESS; undefined for the one that ends the list. */
export function decodeProcess(payload: Uint8Array): Process | undefined {
  if (payload.length === 0) return undefined;
  const fields = readFields("PROCESS", payload);
  return {
    pid: fields.number(1, 4, "pid"),
    parent: fields.number(2, 4, "parent", 0),
    command: fields.wide(3),
    cpuMs: fields.number(4, 8, "cpu", 0),
    memoryBytes: fields.number(5, 8, "memory", 0),
    ageMs: fields.number(6, 8, "age", 0),
    commandLine: fields.text(7) ?? "",
    state: (fields.text(8) ?? "?").slice(0, 1),
    listening: fields.texts(9),
  };
}

/** ERROR. */
export function decodeError(payload: Uint8Array): AgentError {
  const fields = readFields("ERROR", payload);
  const errno = fields.has(3) ? { errno: fields.number(3, 4, "errno") } : {};
  return { code: fields.text(1) ?? "", message: fields.text(2) ?? "", ...errno };
}

/** BYE: why the agent ends. */
export function decodeBye(payload: Uint8Array): string {
  return lossy.decode(payload);
}

function exitedOf(fields: Fields, base: number): Exited {
  const why = fields.number(base + 1, 1, "why");
  if (why < Why.EXITED || why > Why.NOT_STARTED) throw new ProtocolError(`${fields.frame} why is unknown`);
  const file = fields.text(base + 9);
  const message = fields.text(base + 12);
  return {
    why,
    status: fields.number(base + 2, 4, "status"),
    total: fields.number(base + 3, 8, "total"),
    durationUs: fields.number(base + 4, 8, "duration"),
    killed: fields.number(base + 5, 4, "killed", 0),
    survivors: fields.number(base + 6, 4, "survivors", 0),
    left: fields.all(base + 7).map(leftOf),
    leftCount: fields.number(base + 8, 4, "left count", 0),
    oomKills: fields.number(base + 10, 4, "out-of-memory kills", 0),
    dropped: fields.number(base + 11, 8, "dropped", 0),
    ...(file === undefined ? {} : { file }),
    ...(message === undefined ? {} : { message }),
  };
}

function leftOf(bytes: Uint8Array, index: number): LeftProcess {
  if (index >= MAX_LEFT) throw new ProtocolError(`EXITED left: more than ${MAX_LEFT} processes`);
  return { pid: atLeast("EXITED left", bytes, 4).getUint32(0, true), command: lossy.decode(bytes.subarray(4)) };
}

const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

/** The fields of one payload by tag, in order. */
class Fields {
  readonly frame: string;
  readonly #byTag: ReadonlyMap<number, readonly Uint8Array[]>;

  constructor(frame: string, byTag: ReadonlyMap<number, readonly Uint8Array[]>) {
    this.frame = frame;
    this.#byTag = byTag;
  }

  has(tag: number): boolean {
    return this.#byTag.has(tag);
  }

  all(tag: number): readonly Uint8Array[] {
    return this.#byTag.get(tag) ?? [];
  }

  bytes(tag: number, name: string): Uint8Array {
    const [first] = this.all(tag);
    if (!first) throw new ProtocolError(`${this.frame} ${name} is missing`);
    return first;
  }

  text(tag: number): string | undefined {
    const [first] = this.all(tag);
    return first && lossy.decode(first);
  }

  texts(tag: number): string[] {
    return this.all(tag).map((bytes) => lossy.decode(bytes));
  }

  /** A 64-bit identity; 0 where it is absent. */
  wide(tag: number): bigint {
    const [first] = this.all(tag);
    return first ? exactly(this.frame, first, 8).getBigUint64(0, true) : 0n;
  }

  number(tag: number, width: 1 | 2 | 4 | 8, name: string, absent?: number): number {
    if (absent !== undefined && !this.has(tag)) return absent;
    const view = exactly(`${this.frame} ${name}`, this.bytes(tag, name), width);
    if (width === 1) return view.getUint8(0);
    if (width === 2) return view.getUint16(0, true);
    return width === 4 ? view.getUint32(0, true) : safe(`${this.frame} ${name}`, view.getBigUint64(0, true));
  }
}

function readFields(frame: string, payload: Uint8Array): Fields {
  const byTag = new Map<number, Uint8Array[]>();
  for (let at = 0; at < payload.length;) {
    const view = atLeast(`${frame} field header`, payload.subarray(at), 5);
    const [tag, length] = [view.getUint8(0), view.getUint32(1, true)];
    if (length > payload.length - at - 5) throw new ProtocolError(`${frame} field ${tag} is longer than the frame`);
    const bytes = payload.subarray(at + 5, at + 5 + length);
    const same = byTag.get(tag);
    if (same) same.push(bytes);
    else byTag.set(tag, [bytes]);
    at += 5 + length;
  }
  return new Fields(frame, byTag);
}

function atLeast(name: string, bytes: Uint8Array, length: number): DataView {
  if (bytes.length < length) throw new ProtocolError(`${name} has ${bytes.length} bytes, not ${length}`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function exactly(name: string, bytes: Uint8Array, length: number): DataView {
  if (bytes.length !== length) throw new ProtocolError(`${name} has ${bytes.length} bytes, not ${length}`);
  return atLeast(name, bytes, length);
}

function safe(name: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ProtocolError(`${name} ${value} exceeds what a number can hold`);
  return Number(value);
}
