/** The official conformance suite against a server: every check it makes, and what is known not to apply. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./executable.ts";
import { NODE_FOLDER } from "./inspector.ts";
import { plainEnvironment, run } from "./run.ts";

const SUITE = join(ROOT, "node_modules/@modelcontextprotocol/conformance/dist/index.js");

export interface Check {
  scenario: string;
  id: string;
  status: "SUCCESS" | "FAILURE" | "WARNING" | "INFO" | "SKIPPED";
  errorMessage?: string;
}

/** Checks that do not apply: those of the scenarios, or only those of the ids. */
export interface Exception {
  scenarios: RegExp;
  ids?: RegExp;
  reason: string;
}

/** Every check of the scenarios that a revision requires, and of those that are about to be required. */
export async function conformance(url: string, revision: string): Promise<Check[]> {
  const folder = mkdtempSync(join(tmpdir(), "podexec-conformance-"));
  try {
    const args = ["server", "--url", url, "--requirements", revision, "--output-dir", join(folder, "out")];
    const env = { PATH: `${NODE_FOLDER}:${plainEnvironment()["PATH"]}`, HOME: folder };
    // It answers 1 where a check fails, and the exceptions do.
    await run([join(NODE_FOLDER, "node"), SUITE, ...args], { status: 1, cwd: folder, env, timeoutMs: 100_000 });
    return readdirSync(join(folder, "out")).flatMap((name) => checksIn(join(folder, "out", name), name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What failed though it applies, and exceptions that nothing needs any more. */
export function unexpected(checks: readonly Check[], exceptions: readonly Exception[]): string[] {
  const failed = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
  const covers = ({ scenarios, ids }: Exception, check: Check) =>
    scenarios.test(check.scenario) && (ids?.test(check.id) ?? true);
  const uncovered = failed.filter((check) => !exceptions.some((each) => covers(each, check)));
  const stale = exceptions.filter((each) => !failed.some((check) => covers(each, check)));
  return [
    ...uncovered.map(({ scenario, id, errorMessage }) => `${scenario}, ${id}: ${errorMessage ?? "failed"}`),
    ...stale.map(({ scenarios, reason }) => `nothing needs the exception ${scenarios} (${reason}) any more`),
  ];
}

/** The results of one scenario; its folder's name is `server-SCENARIO-TIME`. */
function checksIn(folder: string, name: string): Check[] {
  const scenario = name.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "");
  const checks = JSON.parse(readFileSync(join(folder, "checks.json"), "utf8")) as Omit<Check, "scenario">[];
  return checks.map((check) => ({ ...check, scenario }));
}
