/** What a sandbox's agent keeps about it for whoever connects next: sealed, so that no agent can make up an owner. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { PodexecError } from "../errors.ts";
import { isHandle } from "./handle.ts";

const KEY_BYTES = 32;
const SEAL_BYTES = 32;

const noteSchema = z.object({
  handle: z.string().refine(isHandle),
  /** Whose it is; absent while it waits for its first owner. */
  principal: z.string().max(512).optional(),
  /** The conversation that made it. */
  session: z.string().max(200).optional(),
  /** As its owner calls it. */
  name: z.string().max(64).optional(),
  /** A digest of the idempotency key of the call that made it. */
  key: z.string().max(64).optional(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  expiresAt: z.number().optional(),
  /** Milliseconds without a sign of podexec after which it ends itself. */
  leaseMs: z
    .number()
    .min(1)
    .max(2 ** 31),
  image: z.string().max(512),
  network: z.enum(["internet", "none"]),
  memory: z.number(),
  cpus: z.number(),
  /** The host's folder, `:ro` behind it where it cannot be written. */
  workspace: z.string().max(1024).optional(),
  /** Exposed ports: their URLs go on after a restart of the server. */
  ports: z.array(z.int().min(1).max(65_535)).max(64).optional(),
});

export type Note = Readonly<z.infer<typeof noteSchema>>;

/** Seals notes and opens them again, with the key of one data folder, from which other secrets follow. */
export class Notes {
  readonly #key: Uint8Array;

  /** @param key 32 bytes */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** A note as bytes that only holders of the key can make. */
  seal(note: Note): Uint8Array {
    const text = Buffer.from(JSON.stringify(note));
    return Buffer.concat([this.#sealOf(text), text]);
  }

  /** The note in bytes that `seal` made; undefined for any other. */
  open(sealed: Uint8Array): Note | undefined {
    if (sealed.length <= SEAL_BYTES) return undefined;
    const text = Buffer.from(sealed.subarray(SEAL_BYTES));
    if (!timingSafeEqual(sealed.subarray(0, SEAL_BYTES), this.#sealOf(text))) return undefined;
    try {
      return noteSchema.parse(JSON.parse(text.toString("utf8")));
    } catch {
      return undefined;
    }
  }

  /** A secret of 32 bytes: the same for the same words, and nobody without the key can tell it. */
  derive(words: string): Uint8Array {
    return createHmac("sha256", this.#key).update("podexec secret\0").update(words).digest();
  }

  #sealOf(text: Uint8Array): Buffer {
    return createHmac("sha256", this.#key).update("podexec note\0").update(text).digest();
  }
}

/**
 * The notes of a data folder; its key is made where there is none yet.
 *
 * @param dataFolder made where it is missing, readable by this user only
 * @throws PodexecError INVALID_CONFIG where the key's file cannot be read or holds no key
 */
export function openNotes(dataFolder: string): Notes {
  const file = join(dataFolder, "key");
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const key = readKey(file) ?? makeKey(file);
  if (key.length === KEY_BYTES) return new Notes(key);
  throw new PodexecError("INVALID_CONFIG", `${file} holds ${key.length} bytes and not a key of ${KEY_BYTES}`, {
    hint: "Remove it: a new one is made, and sandboxes that run now are not found again.",
  });
}

function readKey(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return undefined;
    throw new PodexecError("INVALID_CONFIG", `${file}, the key of podexec's notes, cannot be read`, { cause });
  }
}

/** Of several processes that make a key at once, the first one's counts: link(2) replaces nothing. */
function makeKey(file: string): Uint8Array {
  const unfinished = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    writeFileSync(unfinished, randomBytes(KEY_BYTES), { mode: 0o600 });
    linkSync(unfinished, file);
  } catch (cause) {
    if ((cause as { code?: string }).code !== "EEXIST") {
      throw new PodexecError("INVALID_CONFIG", `${file}, the key of podexec's notes, cannot be made`, { cause });
    }
  } finally {
    rmSync(unfinished, { force: true });
  }
  return readKey(file) ?? new Uint8Array(0);
}
