/** Counting tests from what `bun test` reports as JUnit XML. */

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

export interface Report extends Totals {
  /** Names of the tests that did not run. */
  skippedNames: string[];
}

export const NO_TESTS: Totals = { passed: 0, failed: 0, skipped: 0 };

export function sum(all: readonly Totals[]): Totals {
  return all.reduce(
    (total, next) => ({
      passed: total.passed + next.passed,
      failed: total.failed + next.failed,
      skipped: total.skipped + next.skipped,
    }),
    NO_TESTS,
  );
}

/** The line that ends a run; CI reads it. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Counts the test cases of a JUnit report one by one: its own sums are not relied upon. */
export function readReport(xml: string): Report {
  const report: Report = { ...NO_TESTS, skippedNames: [] };
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    if (/<(failure|error)\b/.test(body)) report.failed++;
    else if (/<skipped\b/.test(body)) {
      report.skipped++;
      report.skippedNames.push(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "?");
    } else report.passed++;
  }
  return report;
}
