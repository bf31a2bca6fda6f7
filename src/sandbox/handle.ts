/** How a sandbox is named: to its caller by a handle, to the engine by a name made from it. */
import { createHash, randomBytes } from "node:crypto";

const HANDLE = /^sbx_[0-9a-f]{32}$/;

/** A new handle: 128 bits that nobody can guess, worth something only with the right principal. */
export function newHandle(): string {
  return `sbx_${randomBytes(16).toString("hex")}`;
}

/** Whether a text has the shape of a handle. */
export function isHandle(text: string): boolean {
  return HANDLE.test(text);
}

/**
 * The name of a handle's container: found from the handle without asking anybody, and telling nothing about it.
 * Several handles may lead to one name: the digest in the sandbox's note decides (note.ts).
 */
export function nameOf(handle: string): string {
  return `podexec-${digestOf(handle).slice(0, 12)}`;
}

/** What may be stored of a handle. */
export function digestOf(handle: string): string {
  return createHash("sha256").update(handle).digest("hex");
}
