/** Bun itself for a target: the executable that `bun build --compile` puts the program into. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hostTarget, type Target } from "./targets.ts";

interface Lock {
  packages: Record<string, { version?: string; integrity?: string } | undefined>;
}

/**
 * The path of Bun for a target, from its npm package in the version and with the digest that package-lock.json has.
 * Bun's own download is not used: it is not checked against anything the repository holds.
 *
 * @param root the checkout
 * @param cache folder where it is kept
 * @throws Error where npm cannot bring it, or brings something else than the lock file says
 */
export function bunFor(target: Target, root: string, cache: string): string {
  if (target === hostTarget()) return process.execPath;
  const { version, integrity } = lockedPackage(root, target.package);
  const kept = join(cache, `bun-${version}-${target.name}`);
  const program = join(kept, "package/bin", `bun${target.suffix}`);
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const unfinished = mkdtempSync(join(cache, "fetch-"));
  try {
    unpack(fetchPackage(`${target.package}@${version}`, integrity, unfinished), unfinished);
    rmSync(kept, { recursive: true, force: true });
    renameSync(unfinished, kept);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return program;
}

function lockedPackage(root: string, name: string): { version: string; integrity: string } {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  const entry = lock.packages[`node_modules/${name}`];
  if (!entry?.version || !entry.integrity) throw new Error(`package-lock.json has no version and integrity of ${name}`);
  if (entry.version !== process.versions["bun"])
    throw new Error(
      `package-lock.json has ${name} ${entry.version}, but this is Bun ${process.versions["bun"]}: npm install`,
    );
  return { version: entry.version, integrity: entry.integrity };
}

function fetchPackage(spec: string, integrity: string, folder: string): string {
  const args = ["pack", "--json", "--silent", "--pack-destination", folder, spec];
  const packed = spawnSync("npm", args, { encoding: "utf8", shell: process.platform === "win32" });
  if (packed.status !== 0) throw new Error(`npm ${args.join(" ")} failed\n${packed.stdout}${packed.stderr}`);
  const [{ filename } = { filename: "" }] = JSON.parse(packed.stdout) as { filename: string }[];
  const tarball = join(folder, filename.replace("@", "").replace("/", "-"));
  const digest = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  if (digest !== integrity) throw new Error(`${spec} has the digest ${digest}; package-lock.json says ${integrity}`);
  return tarball;
}

function unpack(tarball: string, folder: string): void {
  const result = spawnSync("tar", ["-xzf", tarball, "-C", folder], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`tar cannot unpack ${tarball}\n${result.stderr}`);
  rmSync(tarball);
}
