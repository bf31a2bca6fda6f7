/** `npm test`, once everything is set up: the suites in order, the check for leftovers, the totals as the last line. */
import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leftovers, takeInventory, type Inventory } from "../../test/support/cleanup.ts";
import { createTestUser, sweepTestUsers } from "../../test/support/rootless.ts";
import { failedBy, runSuite, type Place, type Result } from "./run-suite.ts";
import { choose, type Chosen } from "./suites.ts";
import { NO_TESTS, sum, totalsLine } from "./totals.ts";

const ROOT = join(import.meta.dirname, "../..");
const IMAGE = "localhost/pod_exec_mcp_base:latest";
const INTERRUPTED = 130;
/** Longer than the default lease, after which a killed server's sandboxes end by themselves. */
const LEFTOVERS_WAIT_MS = 90_000;

const isRoot = process.getuid?.() === 0;

async function main(words: readonly string[]): Promise<number> {
  const chosen = choose(ROOT, words);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  if (isRoot) await sweepTestUsers();
  const temporary = useOwnTemporaryFolder();
  try {
    const before = takeInventory();
    const results: Result[] = [];
    for (const one of chosen) results.push(await runOne(one, stop.signal));
    results.push(await checkLeftovers(before, stop.signal));
    return conclude(results, stop.signal);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function useOwnTemporaryFolder(): string {
  const folder = join(tmpdir(), `podexec-tests-${process.pid}`);
  // Others may pass, not look: some tests run programs as another user.
  mkdirSync(folder, { mode: 0o711 });
  process.env["TMPDIR"] = folder;
  return folder;
}

async function runOne(chosen: Chosen, signal: AbortSignal): Promise<Result> {
  const { suite } = chosen;
  if (signal.aborted) return { ...NO_TESTS, complaints: [] };
  const needsUser = suite.kind === "files" && suite.as === "user";
  if (needsUser && !isRoot) {
    console.log(`\n== ${suite.name}: left out, because this is not root: the suites above ran without root already`);
    return { ...NO_TESTS, complaints: [] };
  }
  console.log(`\n== ${suite.name}`);
  const place: Place = { root: ROOT, signal, isCi: process.env["CI"] === "true" };
  const started = Date.now();
  const result = needsUser ? await runAsUser(chosen, place) : await runSuite(chosen, place);
  console.log(`== ${suite.name}: ${totalsLine(result)} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return result;
}

async function runAsUser(chosen: Chosen, place: Place): Promise<Result> {
  try {
    const user = await createTestUser(ROOT, IMAGE);
    try {
      return await runSuite(chosen, { ...place, user });
    } finally {
      await user.remove();
    }
  } catch (error) {
    return failedBy(`${chosen.suite.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function checkLeftovers(before: Inventory, signal: AbortSignal): Promise<Result> {
  console.log("\n== leftovers");
  const left = await leftovers(before, { waitMs: LEFTOVERS_WAIT_MS, signal });
  if (left.length === 0) return { ...NO_TESTS, passed: 1, complaints: [] };
  return { ...NO_TESTS, failed: 1, complaints: left.map((item) => `leftovers: ${item}`) };
}

function conclude(results: readonly Result[], signal: AbortSignal): number {
  const complaints = results.flatMap((result) => result.complaints);
  if (complaints.length > 0) console.log(`\n${complaints.join("\n")}`);
  const totals = sum(results);
  console.log(`\n${totalsLine(totals)}`);
  if (signal.aborted) return INTERRUPTED;
  return totals.failed === 0 && totals.passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log(`\n${totalsLine({ ...NO_TESTS, failed: 1 })}`);
  process.exitCode = 1;
}
