/** Starts programs: quietly for the steps, in the foreground for what they lead to. */
import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { root } from "./paths.mjs";

/** A step that cannot go on; `status` is the exit status it means. */
export class StepFailure extends Error {
  constructor(message, status = 1) {
    super(message);
    this.status = status;
  }
}

/**
 * Runs a program to its end with nothing on the terminal.
 *
 * @param {string[]} argv program first
 * @param {{ env?: Record<string, string> }} options `env` is added to this process's environment
 * @returns {Promise<string>} what it wrote to stdout
 * @throws {StepFailure} with the command line and everything it wrote where its status is not 0
 */
export function quietly(argv, { env = {} } = {}) {
  const [program, ...args] = argv;
  const stdio = ["ignore", "pipe", "pipe"];
  const child = spawn(program, args, { cwd: root, env: { ...process.env, ...env }, stdio });
  let stdout = "";
  let all = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
    all += chunk;
  });
  child.stderr.on("data", (chunk) => (all += chunk));
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new StepFailure(`${program} cannot be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(stdout);
      reject(new StepFailure(`${argv.join(" ")} failed (${signal ?? `status ${code}`})\n${all.trimEnd()}`));
    });
  });
}

/** Whether a program runs and ends with status 0. */
export function succeeds(argv) {
  const [program, ...args] = argv;
  return spawnSync(program, args, { cwd: root, stdio: "ignore" }).status === 0;
}

/**
 * Runs a program in the foreground: its terminal, its signals and its exit status are this process's own.
 *
 * @param {string[]} argv program first
 * @returns {Promise<number>} its exit status, 128 + n for a signal
 */
export function foreground(argv) {
  const [program, ...args] = argv;
  const child = spawn(program, args, { cwd: root, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // Ctrl-C reaches the whole foreground group: the child has it already.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((resolve) => {
    child.on("error", (error) => {
      console.error(`${program} cannot be started: ${error.message}`);
      resolve(127);
    });
    child.on("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
