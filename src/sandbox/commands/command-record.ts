/** What is known of a command besides its output: kept by the agent, so that a restarted server knows it as well. */
import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { Listed } from "../agent/frames-answers.ts";
import { MAX_KEPT, type TerminalSize } from "../agent/frames-requests.ts";
import { MAX_SECRETS, secretOf, type Secret } from "../output/mask.ts";

export interface CommandRequest {
  /** Run by `/bin/sh -lc`. */
  command: string;
  cwd?: string | undefined;
  env?: Record<string, string> | undefined;
  /** All of standard input; it ends after that, unless `isInputOpen`. Default: none. */
  stdin?: string | undefined;
  /** Standard input stays open for more. Default false; a terminal's always is. */
  isInputOpen?: boolean | undefined;
  /** A terminal in place of the pipes. */
  terminal?: TerminalSize | undefined;
  /** Default: none. */
  timeoutMs?: number | undefined;
  /** Bytes of output in the outcome: half head, half tail. */
  outputLimit: number;
  /** Nobody waits for its output at first. Default false. */
  isBackground?: boolean | undefined;
  /** With the same key it is the same command, and not run again. */
  idempotencyKey?: string | undefined;
  /** Values that are not told; at most MAX_SECRETS. */
  secrets?: readonly string[] | undefined;
}

/** What of a command outlives its start. */
export interface CommandRecord {
  /** As it was given, cut off at MAX_TEXT characters. */
  text: string;
  /** Of the whole text: tells commands apart that were started with the same key. */
  digest: string;
  cwd?: string | undefined;
  /** Milliseconds since 1970. */
  startedAt: number;
  timeoutMs?: number | undefined;
  isBackground: boolean;
  terminal?: TerminalSize | undefined;
  hasInput: boolean;
  secrets: readonly Secret[];
}

const MAX_TEXT = 1_000;
/** All that is kept fits MAX_KEPT as JSON: secrets shrink to what is left, but to no less than tells them from text. */
const SECRET_HEADS = [256, 64, 32] as const;

/** A command's id as callers have it: `cmd_` and 16 hexadecimal digits. */
export function commandName(id: bigint): string {
  return `cmd_${id.toString(16).padStart(16, "0")}`;
}

/** The id in a name; undefined where it is none. */
export function commandId(name: string): bigint | undefined {
  return /^cmd_[0-9a-f]{16}$/.test(name) ? BigInt(`0x${name.slice(4)}`) : undefined;
}

/** A new id; with a key always the same. */
export function newCommandId(key?: string): bigint {
  if (key === undefined) return randomBytes(8).readBigUInt64LE() || 1n;
  return createHash("sha256").update(`podexec idempotency\0${key}`).digest().readBigUInt64BE() || 1n;
}

/** What tells one command from another under the same key: everything that decides what it does. */
export function digestOf({ command, cwd, env, stdin }: CommandRequest): string {
  const sorted = Object.entries(env ?? {}).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const whole = JSON.stringify([command, cwd ?? null, sorted, stdin ?? null]);
  return createHash("sha256").update(whole).digest("hex").slice(0, 32);
}

/** The record of a command that is about to start. */
export function recordOf(request: CommandRequest): CommandRecord {
  return {
    text: request.command.slice(0, MAX_TEXT),
    // Only what is repeated has to be told apart, and a digest costs time.
    digest: request.idempotencyKey === undefined ? "" : digestOf(request),
    cwd: request.cwd?.slice(0, MAX_TEXT),
    startedAt: Date.now(),
    timeoutMs: request.timeoutMs,
    isBackground: request.isBackground ?? false,
    terminal: request.terminal,
    hasInput: request.isInputOpen === true || request.terminal !== undefined,
    secrets: (request.secrets ?? []).map((value) => secretOf(value)),
  };
}

const size = z.int().min(1).max(65_535);
const keptSchema = z.object({
  text: z.string().max(MAX_TEXT),
  digest: z.string().max(64),
  cwd: z.string().max(MAX_TEXT).optional(),
  startedAt: z.number(),
  timeoutMs: z.number().optional(),
  isBackground: z.boolean(),
  terminal: z.object({ rows: size, columns: size }).optional(),
  hasInput: z.boolean(),
  secrets: z.array(z.tuple([z.string().max(1_000), z.int().min(1).max(131_072)])).max(MAX_SECRETS),
});

/** What is kept of what a person started (`podexec attach`): no server waits for it, and none takes its output. */
export const PERSONAL: Uint8Array = Buffer.from(JSON.stringify({ by: "podexec attach" }));

/** Whether a person started it. */
export function isPersonal({ kept }: Listed): boolean {
  return Buffer.from(kept).equals(PERSONAL);
}

/** The record as bytes, at most MAX_KEPT. */
export function encodeRecord(record: CommandRecord): Uint8Array {
  for (const head of SECRET_HEADS) {
    const bytes = Buffer.from(JSON.stringify({ ...record, secrets: record.secrets.map((each) => cut(each, head)) }));
    if (bytes.length <= MAX_KEPT) return bytes;
  }
  const short = { ...record, text: record.text.slice(0, 200), cwd: record.cwd?.slice(0, 200) };
  return Buffer.from(JSON.stringify({ ...short, secrets: record.secrets.map((each) => cut(each, 32)) }));
}

/** The record of a command that the agent knows; what it kept may be anything. */
export function decodeRecord(listed: Listed): CommandRecord {
  const kept = keptSchema.safeParse(parseJson(listed.kept));
  if (kept.success) return { ...kept.data, secrets: kept.data.secrets.map(([head, length]) => uncut(head, length)) };
  return {
    text: (listed.args[2] ?? listed.args.join(" ")).slice(0, MAX_TEXT),
    digest: "",
    startedAt: Date.now() - listed.ageMs,
    isBackground: false,
    hasInput: false,
    secrets: [],
  };
}

function cut({ head, length }: Secret, most: number): [string, number] {
  return [Buffer.from(head.subarray(0, most)).toString("base64"), length];
}

function uncut(head: string, length: number): Secret {
  return { head: Buffer.from(head, "base64"), length };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
