/** Runs one suite as a process group of its own, within its time, and counts what it did. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Chosen, FileSuite } from "./suites.ts";
import { NO_TESTS, readReport, type Totals } from "./totals.ts";

export interface Result extends Totals {
  /** Why the suite failed beyond its tests, one reason a line. */
  complaints: string[];
}

export interface Place {
  root: string;
  signal: AbortSignal;
  /** In CI a skipped test is a failure, unless the suite excuses it. */
  isCi: boolean;
  /** Who runs it, where that is somebody else. */
  user?: { checkout: string; home: string; argv(command: readonly string[], env: Record<string, string>): string[] };
}

const GRACE_MS = 5000;

/** Runs the suite; every outcome is a result. */
export async function runSuite({ suite, files }: Chosen, place: Place): Promise<Result> {
  const minutes = suite.minutes;
  if (suite.kind === "check") {
    const ended = await runGroup([...suite.command], place, minutes);
    return ended === 0
      ? { ...NO_TESTS, passed: 1, complaints: [] }
      : failedBy(`${suite.name}: ${endedText(ended, minutes)}`);
  }
  if (files.length === 0) return failedBy(`${suite.name}: there is no ${suite.files}`);
  const report = join(place.user?.home ?? tmpdir(), `report-${suite.name}.xml`);
  const ended = await runGroup(testCommand(files, suite.seconds, report, place), place, minutes);
  return judge(existsSync(report) ? readFileSync(report, "utf8") : "", ended, { suite, isCi: place.isCi });
}

function testCommand(files: readonly string[], seconds: number, report: string, { user }: Place): string[] {
  const reporting = ["--reporter=junit", `--reporter-outfile=${report}`];
  const command = ["bun", "test", `--timeout=${seconds * 1000}`, ...reporting, ...files.map((file) => `./${file}`)];
  if (!user) return command;
  const inCheckout = ["env", "-C", user.checkout, ...command];
  return user.argv(inCheckout, { PODEXEC_TEST_ROOTLESS: "1" });
}

type Ended = number | "time" | "interrupted";

function endedText(ended: Ended, minutes: number): string {
  if (ended === "time") return `not done within ${minutes} minutes`;
  return ended === "interrupted" ? "interrupted" : `ended with status ${ended}`;
}

export function failedBy(complaint: string): Result {
  return { ...NO_TESTS, failed: 1, complaints: [complaint] };
}

function judge(xml: string, ended: Ended, { suite, isCi }: { suite: FileSuite; isCi: boolean }): Result {
  const { skippedNames, ...totals } = readReport(xml);
  const complaints: string[] = [];
  const unexcused = skippedNames.filter((name) => !suite.excused?.some((part) => name.includes(part)));
  if (isCi) complaints.push(...unexcused.map((name) => `${suite.name}: skipped in CI: ${name}`));
  const ran = totals.passed + totals.failed;
  if (ended !== 0 && totals.failed === 0) complaints.push(`${suite.name}: ${endedText(ended, suite.minutes)}`);
  else if (ran === 0) complaints.push(`${suite.name}: no test ran`);
  return { ...totals, failed: totals.failed + complaints.length, complaints };
}

function runGroup(argv: string[], place: Place, minutes: number): Promise<Ended> {
  const [program, ...args] = argv as [string, ...string[]];
  const child = spawn(program, args, { cwd: place.root, stdio: ["ignore", "inherit", "inherit"], detached: true });
  let cut: "time" | "interrupted" | undefined;
  const signalGroup = (signal: NodeJS.Signals) => {
    try {
      if (child.pid) process.kill(-child.pid, signal);
    } catch {
      // The group is gone already.
    }
  };
  const cutShort = (why: "time" | "interrupted") => {
    cut ??= why;
    signalGroup("SIGTERM");
    setTimeout(() => signalGroup("SIGKILL"), GRACE_MS).unref();
  };
  const timer = setTimeout(() => cutShort("time"), minutes * 60_000);
  const onAbort = () => cutShort("interrupted");
  place.signal.addEventListener("abort", onAbort, { once: true });
  return new Promise<Ended>((resolve) => {
    child.on("error", (error) => {
      console.error(error.message);
      resolve(127);
    });
    child.on("exit", (code) => resolve(cut ?? code ?? 1));
  }).finally(() => {
    clearTimeout(timer);
    place.signal.removeEventListener("abort", onAbort);
    if (cut) signalGroup("SIGKILL");
  });
}
