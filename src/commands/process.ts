/** The process as a verb sees it: where to write, the environment, the signals. */
import { readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { PodexecError } from "../errors.ts";
import { environment } from "../runtime.ts";
import type { Input, Output, SignalName } from "./command.ts";
import type { World } from "./dispatch.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const satisfies SignalName[];
/** One Ctrl-C or one `timeout` reaches a process twice where both its group and its parent pass the signal on. */
const SAME_SIGNAL_MS = 500;

/**
 * What this process gives to a verb; signals are taken over from here on.
 *
 * @param onSecondSignal called when a signal comes half a second or more after the one that aborted
 */
export function processWorld(onSecondSignal: () => void): World {
  const stopping = new AbortController();
  let stoppedAt = 0;
  let taker: (name: SignalName) => boolean = () => false;
  for (const name of SIGNALS.filter((signal) => !isIgnored(signal))) {
    process.on(name, () => {
      if (taker(name)) return;
      if (!stopping.signal.aborted) {
        stoppedAt = performance.now();
        stopping.abort(new PodexecError("INTERRUPTED", `interrupted by ${name}`));
      } else if (performance.now() - stoppedAt >= SAME_SIGNAL_MS) onSecondSignal();
    });
  }
  return {
    io: { stdin: inputFrom(() => process.stdin), stdout: outputTo(process.stdout), stderr: outputTo(process.stderr) },
    environment: environment(),
    signal: stopping.signal,
    takeSignals(handler) {
      taker = handler;
      return () => (taker = () => false);
    },
  };
}

/** @param stream opens standard input where it is called: a verb that reads nothing does not touch it */
function inputFrom(stream: () => AsyncIterable<Uint8Array>): Input {
  return { isTerminal: isatty(0), chunks: stream };
}

function outputTo(stream: NodeJS.WriteStream & { fd: number }): Output {
  // A write's failure reaches its caller through the callback; without a listener it would end the process as well.
  stream.on("error", () => {});
  return {
    isTerminal: isatty(stream.fd),
    get columns() {
      return stream.columns;
    },
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => (error ? reject(error) : resolve()));
      }),
  };
}

/** True for the SIGHUP that `nohup` has switched off: a handler would switch it on again. */
function isIgnored(signal: (typeof SIGNALS)[number]): boolean {
  if (signal !== "SIGHUP" || process.platform !== "linux") return false;
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
    return (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return false;
  }
}
