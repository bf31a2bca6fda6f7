/** What is said to the agent's worker for files (images/agent/FILES.md), as bytes. Everything it answers may be hostile. */
import { concat, encodeFrame, HEADER_SIZE, MAX_PAYLOAD, ProtocolError } from "../agent/frames-wire.ts";

/** Requests below 64, answers above. */
export const FilesType = {
  STAT: 1,
  READ: 2,
  READ_LINES: 3,
  WRITE: 4,
  DATA: 5,
  END: 6,
  ABORT: 7,
  DELETE: 8,
  MOVE: 9,
  MKDIR: 10,
  FOLDER: 11,
  LINK: 12,
  LIST: 20,
  SEARCH: 21,
  INFO: 65,
  CHUNK: 66,
  DONE: 67,
  FAIL: 68,
  ITEM: 69,
} as const;

/** A field of a request: text, bytes, a flag, or a number and its width. */
export type RequestField = readonly [tag: number, value: string | Uint8Array | boolean | bigint];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A request as a frame. Numbers are sent with 8 bytes, flags with one; undefined fields are left out. */
export function encodeRequest(type: number, id: bigint, fields: readonly (RequestField | undefined)[]): Uint8Array {
  const parts = fields.flatMap((field) => (field ? [encodeField(field)] : []));
  return encodeFrame(type, id, concat(parts));
}

/** The header of a DATA frame whose bytes are sent behind it as they are. */
export function dataHeader(id: bigint, length: number): Uint8Array {
  if (length > MAX_PAYLOAD) throw new RangeError(`${length} bytes do not fit a frame`);
  const header = new Uint8Array(HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint32(0, length, true);
  view.setUint8(4, FilesType.DATA);
  view.setBigUint64(8, id, true);
  return header;
}

function encodeField([tag, value]: RequestField): Uint8Array {
  const bytes = bytesOf(value);
  const field = new Uint8Array(5 + bytes.length);
  field[0] = tag;
  new DataView(field.buffer).setUint32(1, bytes.length, true);
  field.set(bytes, 5);
  return field;
}

function bytesOf(value: RequestField[1]): Uint8Array {
  if (typeof value === "string") return encoder.encode(value);
  if (typeof value === "boolean") return Uint8Array.of(value ? 1 : 0);
  if (typeof value !== "bigint") return value;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

/** The fields of an answer, by tag. @throws ProtocolError where they are cut off or one has another width than asked */
export class Fields {
  readonly #fields = new Map<number, Uint8Array>();

  constructor(payload: Uint8Array) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    for (let at = 0; at < payload.length;) {
      if (payload.length - at < 5) throw new ProtocolError("a field's header is cut off");
      const length = view.getUint32(at + 1, true);
      if (length > payload.length - at - 5) throw new ProtocolError(`a field of ${length} bytes exceeds its frame`);
      this.#fields.set(view.getUint8(at), payload.subarray(at + 5, at + 5 + length));
      at += 5 + length;
    }
  }

  has(tag: number): boolean {
    return this.#fields.has(tag);
  }

  bytes(tag: number): Uint8Array {
    const bytes = this.#fields.get(tag);
    if (!bytes) throw new ProtocolError(`field ${tag} is missing`);
    return bytes;
  }

  /** A number of 1 to 8 bytes as a whole number that JavaScript holds exactly. */
  number(tag: number): number {
    const value = this.wide(tag);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolError(`field ${tag}: ${value} is too large`);
    return Number(value);
  }

  wide(tag: number): bigint {
    const bytes = this.bytes(tag);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length === 8) return view.getBigUint64(0, true);
    if (bytes.length === 4) return BigInt(view.getUint32(0, true));
    if (bytes.length === 1) return BigInt(view.getUint8(0));
    throw new ProtocolError(`field ${tag} has ${bytes.length} bytes, not 1, 4 or 8`);
  }

  /** Text for a reader: what is no UTF-8 is replaced. */
  text(tag: number): string {
    return decoder.decode(this.bytes(tag));
  }
}

const KINDS = ["other", "file", "folder", "link", "fifo", "socket", "character device", "block device"] as const;
export type FileKind = (typeof KINDS)[number];

/** What is known of a file. */
export interface FileInfo {
  readonly kind: FileKind;
  /** Bytes; 0 for most files of /proc, whatever they hold. */
  readonly size: number;
  /** Permission bits, as chmod takes them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  /** The path without links, where it was told. */
  readonly path?: string;
  /** Which file system, and which file of it; 0 where it was not told. */
  readonly device: bigint;
  readonly inode: bigint;
  /** What a link names. */
  readonly target?: string;
  /** The first bytes, at most 4,096, where content was asked for. */
  readonly head: Uint8Array;
  /** Tells this content from any later one: inode, size, mtime, ctime. */
  readonly version: Uint8Array;
}

/** INFO, and what DONE says of a written file. @throws ProtocolError */
export function decodeInfo(fields: Fields): FileInfo {
  const modified = BigInt.asIntN(64, fields.wide(6));
  return {
    kind: KINDS[fields.number(1)] ?? "other",
    size: fields.number(2),
    mode: fields.number(3),
    uid: fields.number(4),
    gid: fields.number(5),
    modifiedMs: Number(modified / 1_000_000n),
    device: fields.has(15) ? fields.wide(15) : 0n,
    inode: fields.wide(7),
    ...(fields.has(9) ? { path: fields.text(9) } : {}),
    ...(fields.has(10) ? { target: fields.text(10) } : {}),
    head: fields.has(11) ? fields.bytes(11).slice() : new Uint8Array(0),
    version: concat([7, 2, 6, 8].map((tag) => fields.bytes(tag))),
  };
}

/** FAIL: what could not be done. */
export interface Failure {
  readonly errno: number;
  /** Such as `ENOENT`. */
  readonly code: string;
  readonly message: string;
  /** Where it failed, when that is not simply the path of the request. */
  readonly path: string | undefined;
}

/** A path in a sandbox: as text, or as the bytes of a name that is no UTF-8. */
export type SandboxPath = string | Uint8Array;

/** A path for a reader. */
export function pathText(path: SandboxPath): string {
  return typeof path === "string" ? path : decoder.decode(path);
}

/** One entry of a folder; a link is not followed. */
export interface Entry extends FileInfo {
  /** Never empty, a path, `.` or `..`. */
  readonly name: Uint8Array;
}

/** ITEM of FOLDER. @throws ProtocolError for a name that is none: whoever joins it to a path must not leave the folder */
export function decodeEntry(fields: Fields): Entry {
  const name = fields.bytes(12).slice();
  const text = Buffer.from(name).toString("latin1");
  if (text === "" || text === "." || text === ".." || /[/\0]/.test(text))
    throw new ProtocolError("an entry without a name");
  return { ...decodeInfo(fields), name };
}

const MAX_TOLD = 5_000;

/** FAIL. @throws ProtocolError */
export function decodeFailure(fields: Fields): Failure {
  const code = fields.text(2);
  if (!/^[A-Z0-9]{1,20}$/.test(code)) throw new ProtocolError("field 2 is no error's name");
  const path = fields.has(4) ? fields.text(4).slice(0, MAX_TOLD) : undefined;
  return { errno: fields.number(1), code, message: fields.text(3).slice(0, MAX_TOLD), path };
}
