import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import { requirements } from "./requirements.ts";

const ROOT = join(import.meta.dir, "..");
const known = Object.keys(requirements);

/** The ids at the ends of test names: ` [exec.status, exec.fields]` before the closing quote. */
function citedIn(text: string): string[] {
  const lists = text.matchAll(/ \[([a-z-]+\.[a-z-]+(?:, [a-z-]+\.[a-z-]+)*)\]["'`]/g);
  return [...lists].flatMap(([, list = ""]) => list.split(", "));
}

const cited = ["test", "images/agent/test"]
  .flatMap((folder) => [...new Glob(`${folder}/**/*`).scanSync(ROOT)])
  .filter((path) => !path.endsWith("requirements.test.ts"))
  .flatMap((path) => citedIn(readFileSync(join(ROOT, path), "utf8")).map((id) => ({ path, id })));

test("every requirement is cited by a test", () => {
  const proven = new Set(cited.map(({ id }) => id));
  expect(known.filter((id) => !proven.has(id))).toEqual([]);
});

test("every requirement that a test cites exists", () => {
  expect(cited.filter(({ id }) => !known.includes(id))).toEqual([]);
  expect(cited.length).toBeGreaterThan(40);
});

test("citations are found at the end of names only, several at once too", () => {
  const text = ["test('one [exec.status]', ...)", 'test("two [exec.fields, end.timeout]", ...)', "a[exec.left]"].join(
    "\n",
  );
  expect(citedIn(text)).toEqual(["exec.status", "exec.fields", "end.timeout"]);
});

test("every requirement is one sentence", () => {
  expect(Object.entries(requirements).filter(([, text]) => !/^[\w`:-].*\.$/.test(text) || text.length > 120)).toEqual(
    [],
  );
});
