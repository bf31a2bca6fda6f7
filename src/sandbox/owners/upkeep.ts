/** When a sandbox goes, and how that is told. */
import { PodexecError } from "../../errors.ts";
import { formatDuration } from "../../units.ts";
import type { Caller, Entry } from "./entries.ts";

export interface Lives {
  /** Milliseconds without use after which a sandbox is removed. */
  idleMs: number;
  /** Milliseconds that it outlives the last of its conversations; 0: it goes with it. */
  lingerMs: number;
}

/** How many sandboxes an error lists. */
const MAX_LISTED = 10;

/** Why a sandbox is to be removed now, as a clause about it; undefined: it stays. */
export function whyOverdue({ sandbox, lingersSince }: Entry, lives: Lives, now: number): string | undefined {
  const { expiresAt } = sandbox.note;
  if (expiresAt !== undefined && now >= expiresAt) return "had reached the end of its lifetime and was removed";
  if (sandbox.isBusy) return undefined;
  if (now - sandbox.lastUsedAt >= lives.idleMs) return "was idle for too long and was removed";
  if (lingersSince === undefined) return undefined;
  const unused = now - Math.max(sandbox.lastUsedAt, lingersSince);
  return unused >= lives.lingerMs ? "was removed some time after its conversation had ended" : undefined;
}

/** When a sandbox will be removed if nothing is done in it from now on. */
export function idleUntil({ sandbox, lingersSince }: Entry, lives: Lives): number {
  const lastUse = sandbox.isBusy ? Date.now() : sandbox.lastUsedAt;
  const idle = lastUse + lives.idleMs;
  return lingersSince === undefined ? idle : Math.min(idle, Math.max(lastUse, lingersSince) + lives.lingerMs);
}

/**
 * What a result says of a sandbox that it is the first one for, in words that a model follows.
 *
 * @param before what became of the one before, as a clause about it
 */
export function noteOfNew(
  caller: Caller,
  { sandbox }: Entry,
  { idleMs, before }: { idleMs: number; before?: string },
): string {
  const reason = before === undefined ? "" : `: the one before ${before}, and its files with it`;
  const pass = `pass \`sandbox: "${sandbox.handle}"\``;
  const kept = `it is kept until nothing has run in it for ${spoken(idleMs)}`;
  if (caller.session === undefined) {
    return `This is a new sandbox${reason}. To go on in it, ${pass} in every further call; ${kept}.`;
  }
  const found = "This conversation's calls find it by themselves";
  return `This is a new sandbox${reason}. ${found}; if a later result names another one, ${pass} to come back to this one.`;
}

/** The error where its owner has one of that name. */
export function nameTaken(name: string): PodexecError {
  return new PodexecError("INVALID_PARAMS", `name: you have a sandbox named ${name} already`, {
    hint: "sandbox_list shows it with its handle; choose another name.",
  });
}

/** The error where no sandbox can be begun, with what its caller could close. */
export function limitReached(message: string, own: readonly Entry[]): PodexecError {
  const lines = own.slice(0, MAX_LISTED).map(lineOf);
  if (own.length > MAX_LISTED) lines.push(`and ${own.length - MAX_LISTED} more: sandbox_list shows all`);
  const next = lines.length > 0 ? "Go on in one of these, or close one with sandbox_close. " : "";
  return new PodexecError("LIMIT_REACHED", message, {
    ...(lines.length > 0 ? { details: lines.join("\n") } : {}),
    hint: `${next}Idle ones go by themselves; whoever runs the server can allow more (--max-sandboxes).`,
  });
}

function lineOf({ sandbox }: Entry): string {
  const name = sandbox.note.name === undefined ? "" : ` (${sandbox.note.name})`;
  return `${sandbox.handle}${name}: ${useOf(sandbox.commands.running, sandbox.lastUsedAt)}`;
}

/** What is done in a sandbox, as a clause: `2 commands run`, `unused for 5m`. */
export function useOf(running: number, lastUsedAt: number): string {
  if (running > 0) return running === 1 ? "1 command runs" : `${running} commands run`;
  const seconds = Math.floor((Date.now() - lastUsedAt) / 1000);
  if (seconds < 1) return "just used";
  return `unused for ${formatDuration(seconds < 120 ? seconds * 1000 : Math.floor(seconds / 60) * 60_000)}`;
}

/** `30 minutes`, `1 hour`, `90 seconds`. */
function spoken(ms: number): string {
  const units = [
    [3_600_000, "hour"],
    [60_000, "minute"],
    [1000, "second"],
  ] as const;
  const [size, unit] = units.find(([candidate]) => ms >= candidate && ms % candidate === 0) ?? [1000, "second"];
  const count = Math.max(1, Math.round(ms / size));
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
