/**
 * Ad-hoc code signatures of macOS executables (`codesign -s -`), without macOS. Bun signs what it compiles for arm64,
 * where the kernel runs nothing unsigned, but leaves Bun's own signature on x64 executables, which no longer fits.
 */
import { createHash } from "node:crypto";

const HEADER_SIZE = 32;
const CPU_X86_64 = 0x01000007;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const SUPERBLOB = 0xfade0cc0;
const CODE_DIRECTORY = 0xfade0c02;
const DIRECTORY_VERSION = 0x20400;
const DIRECTORY_SIZE = 88;
const ADHOC_LINKER_SIGNED = 0x20002;
const EXECUTABLE_MAIN = 1;
const SHA256 = 2;
const PAGE_BITS = 12;
const PAGE = 1 << PAGE_BITS;
const HASH_SIZE = 32;
const BLOB_START = 20;

interface Layout {
  /** Where the signature starts, which is where the signed bytes end. */
  limit: number;
  /** Offsets of the load commands. */
  signature: number;
  linkEdit: number;
  text: number;
}

/** Whether the bytes are a macOS executable for x64, the kind that needs `signedAdHoc`. */
export function isX64MachO(file: Buffer): boolean {
  return file.readUInt32LE(0) === 0xfeedfacf && file.readUInt32LE(4) === CPU_X86_64;
}

/**
 * A macOS executable with an ad-hoc signature in place of the one at its end.
 *
 * @param identifier what the signature calls the program
 * @throws Error where the file has no place for a signature
 */
export function signedAdHoc(file: Buffer, identifier: string): Buffer {
  const layout = readLayout(file);
  const name = Buffer.from(`${identifier}\0`);
  const pages = Math.ceil(layout.limit / PAGE);
  const size = roundUp(BLOB_START + DIRECTORY_SIZE + name.length + pages * HASH_SIZE, 16);
  const signed = Buffer.alloc(layout.limit + size);
  file.copy(signed, 0, 0, layout.limit);
  // The load commands lie in the signed pages: they have to tell the new size before the pages are hashed.
  signed.writeUInt32LE(size, layout.signature + 12);
  const linkEditSize = signed.length - Number(file.readBigUInt64LE(layout.linkEdit + 40));
  signed.writeBigUInt64LE(BigInt(roundUp(linkEditSize, PAGE)), layout.linkEdit + 32);
  signed.writeBigUInt64LE(BigInt(linkEditSize), layout.linkEdit + 48);
  signatureOf(signed, name, layout).copy(signed, layout.limit);
  return signed;
}

/** How many pages of a signed macOS executable differ from what its signature says; -1 without a code directory. */
export function changedPages(file: Buffer): number {
  const { limit } = readLayout(file);
  const directory = limit + file.readUInt32BE(limit + 16);
  if (file.readUInt32BE(directory) !== CODE_DIRECTORY) return -1;
  const codeLimit = file.readUInt32BE(directory + 32);
  const hashes = directory + file.readUInt32BE(directory + 16);
  const pageSize = 1 << file.readUInt8(directory + 39);
  return pageHashes(file, codeLimit, pageSize).filter(
    (hash, page) => !hash.equals(file.subarray(hashes + page * HASH_SIZE, hashes + (page + 1) * HASH_SIZE)),
  ).length;
}

function readLayout(file: Buffer): Layout {
  const found = { signature: 0, linkEdit: 0, text: 0 };
  let command = HEADER_SIZE;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const kind = file.readUInt32LE(command);
    const segment = kind === LC_SEGMENT_64 ? file.toString("latin1", command + 8, command + 24) : "";
    if (kind === LC_CODE_SIGNATURE) found.signature = command;
    if (segment.startsWith("__LINKEDIT\0")) found.linkEdit = command;
    if (segment.startsWith("__TEXT\0")) found.text = command;
    command += file.readUInt32LE(command + 4);
  }
  if (!found.signature || !found.linkEdit || !found.text)
    throw new Error("the executable has no place for a code signature");
  return { ...found, limit: file.readUInt32LE(found.signature + 8) };
}

function roundUp(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}

function signatureOf(file: Buffer, name: Buffer, layout: Layout): Buffer {
  const hashes = pageHashes(file, layout.limit, PAGE);
  const hashOffset = DIRECTORY_SIZE + name.length;
  const directory = Buffer.alloc(DIRECTORY_SIZE);
  const words = [
    CODE_DIRECTORY,
    hashOffset + hashes.length * HASH_SIZE,
    DIRECTORY_VERSION,
    ADHOC_LINKER_SIGNED,
    hashOffset,
    DIRECTORY_SIZE,
    0,
    hashes.length,
    layout.limit,
  ];
  words.forEach((word, index) => directory.writeUInt32BE(word, index * 4));
  directory.writeUInt8(HASH_SIZE, 36);
  directory.writeUInt8(SHA256, 37);
  directory.writeUInt8(PAGE_BITS, 39);
  directory.writeBigUInt64BE(file.readBigUInt64LE(layout.text + 40), 64);
  directory.writeBigUInt64BE(file.readBigUInt64LE(layout.text + 48), 72);
  directory.writeBigUInt64BE(BigInt(EXECUTABLE_MAIN), 80);
  const blob = Buffer.concat([directory, name, ...hashes]);
  const index = Buffer.alloc(BLOB_START);
  [SUPERBLOB, BLOB_START + blob.length, 1, 0, BLOB_START].forEach((word, at) => index.writeUInt32BE(word, at * 4));
  return Buffer.concat([index, blob]);
}

function pageHashes(file: Buffer, limit: number, pageSize: number): Buffer[] {
  return Array.from({ length: Math.ceil(limit / pageSize) }, (_, page) =>
    createHash("sha256")
      .update(file.subarray(page * pageSize, Math.min(limit, (page + 1) * pageSize)))
      .digest(),
  );
}
