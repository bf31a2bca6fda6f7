/** The only caller of podman: argument arrays, bounded time and output, errors with a code. */
import type { z } from "zod";
import { PodexecError } from "../errors.ts";
import { spawn, type Child, type SpawnOptions } from "../runtime.ts";

export interface RunOptions {
  /** Milliseconds until podman is killed; default 60,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
  stdin?: Uint8Array;
  /** Where podman runs; its conmon may leave files there. Default: this process's folder. */
  cwd?: string;
  /** Called with each line of stdout and stderr as it comes. */
  onLine?: (line: string) => void;
}

export interface RunResult {
  status: number;
  stdout: string;
  stderr: string;
}

/** How to reach one Podman: the program and the flags that stand before every verb. */
export interface PodmanTarget {
  /** Default `podman`, found in PATH. */
  program?: string;
  /** Such as `--runtime runc`, as arguments. */
  globalArgs?: readonly string[];
}

const MAX_OUTPUT = 32 * 1024 * 1024;

export class Podman {
  readonly target: PodmanTarget;

  constructor(target: PodmanTarget = {}) {
    this.target = target;
  }

  /** The same Podman, called with further global flags. */
  withGlobalArgs(globalArgs: readonly string[]): Podman {
    return new Podman({ ...this.target, globalArgs: [...(this.target.globalArgs ?? []), ...globalArgs] });
  }

  /** The whole argument array of a call, program first. */
  argv(args: readonly string[]): [string, ...string[]] {
    return [this.target.program ?? "podman", ...(this.target.globalArgs ?? []), ...args];
  }

  /**
   * Runs one podman command to its end; a status other than 0 is a result.
   *
   * @throws PodexecError PODMAN_MISSING, or PODMAN_ERROR where it took longer than `timeoutMs`, or CANCELLED
   */
  async run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const { stdin, cwd } = options;
    const child = this.start(args, { ...(stdin ? { stdin } : {}), ...(cwd === undefined ? {} : { cwd }) });
    const limit = options.timeoutMs ?? 60_000;
    let ended: "timeout" | "cancelled" | undefined;
    const end = (why: "timeout" | "cancelled") => {
      ended ??= why;
      child.kill("SIGKILL");
    };
    const timer = setTimeout(() => end("timeout"), limit);
    const onAbort = () => end("cancelled");
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const [stdout, stderr, status] = await Promise.all([
        collect(child.stdout, options.onLine),
        collect(child.stderr, options.onLine),
        child.exited,
      ]);
      if (ended) throw endedError(ended, args, limit);
      return { status, stdout, stderr };
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Runs a podman command that has to succeed and returns its stdout.
   *
   * @throws PodexecError as `run`, and PODMAN_ERROR with podman's own words where the status is not 0
   */
  async must(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    if (result.status !== 0) throw failedError(args, result);
    return result.stdout;
  }

  /** Runs a podman command that prints JSON and returns it as the schema has it. */
  async json<Schema extends z.ZodType>(
    args: readonly string[],
    schema: Schema,
    options: RunOptions = {},
  ): Promise<z.infer<Schema>> {
    return parseJson(args, await this.must(args, options), schema);
  }

  /** Starts a podman command whose streams the caller drives. */
  start(args: readonly string[], options: SpawnOptions = {}): Child {
    try {
      return spawn(this.argv(args), { ownSession: true, ...options });
    } catch (cause) {
      throw new PodexecError("PODMAN_MISSING", `${this.target.program ?? "podman"} cannot be started`, {
        hint: "Install Podman 4.3 or newer (Debian: apt-get install podman) and see that it is in PATH.",
        cause,
      });
    }
  }
}

function endedError(why: "timeout" | "cancelled", args: readonly string[], limit: number): PodexecError {
  const verb = args[0] ?? "";
  if (why === "cancelled") return new PodexecError("CANCELLED", `podman ${verb} was cancelled`);
  return new PodexecError("PODMAN_ERROR", `podman ${verb} did not answer within ${limit / 1000} s`, {
    hint: "Try the same podman command by hand; `podexec doctor` checks what it needs.",
  });
}

/**
 * What a podman command printed, as the schema has it; nothing at all counts as null.
 *
 * @throws PodexecError PODMAN_ERROR where it is not JSON or not of that shape
 */
export function parseJson<Schema extends z.ZodType>(
  args: readonly string[],
  text: string,
  schema: Schema,
): z.infer<Schema> {
  try {
    return schema.parse(JSON.parse(text.trim() === "" ? "null" : text));
  } catch (cause) {
    const details = text.slice(0, 400);
    throw new PodexecError("PODMAN_ERROR", `podman ${args[0] ?? ""} printed something unexpected`, { details, cause });
  }
}

/** A PODMAN_ERROR with what podman said, last line first in the message. */
export function failedError(args: readonly string[], result: RunResult): PodexecError {
  const said = errorText(result.stderr);
  return new PodexecError("PODMAN_ERROR", `podman ${args[0] ?? ""} failed (status ${result.status}): ${said}`, {
    details: result.stderr.trim().slice(-2000),
  });
}

/** The line in which podman says what went wrong, without its `Error: ` in front and without log lines. */
export function errorText(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("time="));
  const last = lines.findLast((line) => line.startsWith("Error: ")) ?? lines.at(-1) ?? "no reason given";
  return last.replace(/^Error: /, "");
}

async function collect(stream: ReadableStream<Uint8Array>, onLine?: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let line = "";
  for await (const chunk of stream) {
    const piece = decoder.decode(chunk, { stream: true });
    if (text.length < MAX_OUTPUT) text += piece;
    if (!onLine) continue;
    const parts = (line + piece).split("\n");
    line = (parts.pop() ?? "").slice(-65_536);
    parts.forEach(onLine);
  }
  if (onLine && line) onLine(line);
  return text;
}
