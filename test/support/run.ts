/** Runs a program to its end, with what it said in the message where that is not the expected one. */
export interface RunOptions {
  /** The exit status that is expected, default 0. */
  status?: number;
  /** The whole environment beside PATH and HOME, default none. */
  env?: Record<string, string>;
  cwd?: string;
  /** Milliseconds until it is killed, default 20,000. */
  timeoutMs?: number;
}

export interface RunResult {
  stdout: string;
  stderr: string;
}

/**
 * @throws Error with both outputs where the status is another than `options.status` or the time is over
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { status = 0, env = {}, cwd, timeoutMs = 20_000 } = options;
  const child = Bun.spawn([...argv], {
    env: { ...plainEnvironment(), ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, ended] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (ended === status) return { stdout, stderr };
  const said = `\n--- stdout\n${stdout.slice(-4000)}\n--- stderr\n${stderr.slice(-4000)}`;
  throw new Error(`${argv.join(" ")}: status ${ended} instead of ${status}${said}`);
}

/** PATH and HOME, and nothing that would tell podexec anything. */
export function plainEnvironment(): Record<string, string> {
  const { PATH = "", HOME = "" } = process.env;
  return { PATH, HOME };
}
