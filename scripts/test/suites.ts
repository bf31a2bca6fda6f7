/** THE table of suites, in the order in which they run. */
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";

interface SuiteBase {
  name: string;
  /** Minutes until the suite is ended and counts as failed. */
  minutes: number;
}

/** A command that passes or fails as one. */
interface CheckSuite extends SuiteBase {
  kind: "check";
  command: readonly string[];
}

/** Test files below a folder; `as: "user"` runs them as an unprivileged user made for it, where this is root. */
export interface FileSuite extends SuiteBase {
  kind: "files";
  files: string;
  /** Seconds for a test that sets no limit of its own. */
  seconds: number;
  as?: "user";
  /** Parts of the names of tests that may be skipped in CI, because its machine cannot have what they need. */
  excused?: readonly string[];
}

export type Suite = CheckSuite | FileSuite;

const SUITES: readonly Suite[] = [
  { name: "gate", kind: "check", command: ["bun", "run", "gate"], minutes: 5 },
  { name: "rules", kind: "files", files: "test/*.test.ts", seconds: 30, minutes: 5 },
  { name: "unit", kind: "files", files: "test/unit/**/*.test.ts", seconds: 10, minutes: 5 },
  { name: "contract", kind: "files", files: "test/contract/**/*.test.ts", seconds: 60, minutes: 10 },
  { name: "integration", kind: "files", files: "test/integration/**/*.test.ts", seconds: 60, minutes: 25 },
  { name: "e2e", kind: "files", files: "test/e2e/**/*.test.ts", seconds: 60, minutes: 25 },
  {
    name: "rootless",
    kind: "files",
    files: "test/integration/sandbox/**/*.test.ts",
    seconds: 60,
    minutes: 20,
    as: "user",
    // Rootless Podman sets no limits on a host with cgroups v1.
    excused: ["[safe.limits]", "[end.out-of-memory]"],
  },
];

export interface Chosen {
  suite: Suite;
  /** Relative to the checkout; empty for a check. */
  files: string[];
}

/**
 * The suites, or the parts of them, that the words on the command line name: suites by name, else files by a part of
 * their path. Without words, all of them.
 *
 * @param root the checkout
 * @throws Error for a word that names nothing
 */
export function choose(root: string, words: readonly string[]): Chosen[] {
  const all = SUITES.map((suite) => ({ suite, files: filesOf(root, suite) }));
  if (words.length === 0) return all;
  // A suite's name means that suite, and not also the files that happen to have it in their names.
  const paths = words.filter((word) => !SUITES.some(({ name }) => name === word));
  const chosen = all.map(({ suite, files }) => {
    if (words.includes(suite.name)) return { suite, files };
    // A path names tests to run once; the rootless run is asked for by name.
    const named = suite.kind === "files" && suite.as ? [] : files;
    return { suite, files: named.filter((file) => paths.some((path) => file.includes(path))) };
  });
  const unknown = paths.find((path) => !all.some(({ files }) => files.some((file) => file.includes(path))));
  if (unknown) throw new Error(`${unknown} names no suite (${SUITES.map(({ name }) => name).join(", ")}) and no file`);
  return chosen.filter(({ suite, files }) => words.includes(suite.name) || files.length > 0);
}

function filesOf(root: string, suite: Suite): string[] {
  if (suite.kind === "check" || !existsSync(join(root, "test"))) return [];
  return globSync(suite.files, { cwd: root }).toSorted();
}
