/** Requests to the agent: payloads for encodeFrame, checked here as strictly as the agent checks them. */
import { concat, encodeFrame, FrameType } from "./frames-wire.ts";

/** What START asks for. */
export interface StartOptions {
  readonly args: readonly string[];
  /** Each `NAME=value`; added to the agent's own. */
  readonly env?: readonly string[];
  readonly cwd?: string;
  /** 0 or absent: none. */
  readonly timeoutMs?: number;
  /** Between SIGTERM and SIGKILL; the agent's default is 2000. */
  readonly graceMs?: number;
  readonly stdin?: boolean;
  /** Output bytes that are pushed as they come, and at the end. */
  readonly head?: number;
  readonly tail?: number;
  /** A pseudo terminal in place of the pipes. */
  readonly terminal?: TerminalSize;
  /** What LISTED gives back, at most MAX_KEPT bytes; the agent does not look into it. */
  readonly kept?: Uint8Array;
}

/** Bytes that the agent keeps with a command, and with the sandbox (NOTE). */
export const MAX_KEPT = 8_192;

/** What a connection is for. Anything but `control` turns into a raw byte stream after OPENED. */
export type Purpose = { to: "control" } | { to: "files" } | { to: "watch" } | { to: "port"; port: number };
const PURPOSES = { control: 0, files: 1, watch: 2, port: 3 } as const;

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** What ATTACH wants pushed: output from `offset` on, as with START's head and tail. */
export interface AttachOptions {
  readonly offset: number;
  readonly head: number;
  readonly tail: number;
}

/** READ's offset that means the last bytes. */
export const FROM_END = 0xffff_ffff_ffff_ffffn;

/** HELLO: the whole frame, since it is the first of a connection. */
export function encodeHello(version: number, purpose: Purpose = { to: "control" }): Uint8Array {
  const fields = [field(1, number("version", version, 2))];
  if (purpose.to !== "control") fields.push(field(2, Uint8Array.of(PURPOSES[purpose.to])));
  if (purpose.to === "port") fields.push(field(3, number("port", purpose.port, 2)));
  return encodeFrame(FrameType.HELLO, 0n, concat(fields));
}

/** NOTE: what the agent keeps for whoever connects next; its HELLO gives it back. @throws RangeError where it is too long */
export function encodeNote(note: Uint8Array): Uint8Array {
  return kept("note", note);
}

/** START. @throws RangeError for what the agent would refuse: no program, a NUL byte, a number out of range */
export function encodeStart(options: StartOptions): Uint8Array {
  if (!options.args[0]) throw new RangeError("args: the program is missing");
  const fields = options.args.map((arg) => field(1, text("args", arg)));
  for (const entry of options.env ?? []) {
    if (entry.indexOf("=") < 1) throw new RangeError("env: an entry is not NAME=value");
    fields.push(field(2, text("env", entry)));
  }
  if (options.cwd !== undefined) fields.push(field(3, text("cwd", options.cwd)));
  const numbers = [
    [4, "timeoutMs", options.timeoutMs],
    [5, "graceMs", options.graceMs],
    [7, "head", options.head],
    [8, "tail", options.tail],
  ] as const;
  for (const [tag, name, value] of numbers) {
    if (value !== undefined) fields.push(field(tag, number(name, value, 4)));
  }
  if (options.stdin) fields.push(field(6, Uint8Array.of(1)));
  if (options.terminal) fields.push(field(9, encodeResize(options.terminal)));
  if (options.kept) fields.push(field(10, kept("kept", options.kept)));
  return concat(fields);
}

/** SIGNAL, to the command's main process. */
export function encodeSignal(signal: number): Uint8Array {
  return number("signal", signal, 4);
}

/** KILL, of the whole tree. @param graceMs between SIGTERM and SIGKILL */
export function encodeKill(graceMs: number): Uint8Array {
  return number("graceMs", graceMs, 4);
}

/** RESIZE. */
export function encodeResize(terminal: TerminalSize): Uint8Array {
  return concat([number("rows", terminal.rows, 2), number("columns", terminal.columns, 2)]);
}

/** READ, answered by DATA. @param offset bytes from the start, or FROM_END; @param length at most this many bytes */
export function encodeRead(offset: bigint, length: number): Uint8Array {
  return concat([wide(offset), number("length", length, 4)]);
}

/** ATTACH. */
export function encodeAttach(options: AttachOptions): Uint8Array {
  return concat([wide(BigInt(options.offset)), number("head", options.head, 4), number("tail", options.tail, 4)]);
}

/** SHUTDOWN. @param graceMs as for KILL */
export function encodeShutdown(graceMs: number): Uint8Array {
  return number("graceMs", graceMs, 4);
}

const encoder = new TextEncoder();

function field(tag: number, bytes: Uint8Array): Uint8Array {
  const header = new Uint8Array(5);
  header[0] = tag;
  new DataView(header.buffer).setUint32(1, bytes.length, true);
  return concat([header, bytes]);
}

function text(name: string, value: string): Uint8Array {
  if (value.includes("\0")) throw new RangeError(`${name}: a NUL byte cannot be passed to a process`);
  return encoder.encode(value);
}

function number(name: string, value: number, width: 2 | 4): Uint8Array {
  const most = 256 ** width - 1;
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new RangeError(`${name}: ${value} is not a whole number from 0 to ${most}`);
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes.subarray(0, width);
}

function kept(name: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_KEPT) throw new RangeError(`${name}: ${bytes.length} bytes, at most ${MAX_KEPT} are kept`);
  return bytes;
}

function wide(value: bigint): Uint8Array {
  if (value < 0n || value > FROM_END) throw new RangeError(`offset: ${value} does not fit 64 bits`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
