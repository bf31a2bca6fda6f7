import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bunFor } from "../../scripts/build/target-bun.ts";
import { targetsNamed, type Target } from "../../scripts/build/targets.ts";
import { ROOT } from "../support/executable.ts";

const folder = mkdtempSync(join(tmpdir(), "podexec-integrity-"));
const [windows] = targetsNamed(["windows-x64"]) as [Target];

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function lockWith(change: { integrity?: string; version?: string }): void {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  Object.assign(lock.packages[`node_modules/${windows.package}`], change);
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
}

test("a Bun that is not the one of the lock file is not used, and not kept", () => {
  lockWith({ integrity: `sha512-${Buffer.alloc(64).toString("base64")}` });
  const cache = join(folder, "cache");
  expect(() => bunFor(windows, folder, cache)).toThrow("package-lock.json says sha512-AAAA");
  expect(readdirSync(cache)).toEqual([]);
}, 120_000);

test("a lock file with another version of Bun than the running one is refused before anything is fetched", () => {
  lockWith({ version: "1.0.0" });
  expect(() => bunFor(windows, folder, join(folder, "none"))).toThrow("this is Bun");
});
