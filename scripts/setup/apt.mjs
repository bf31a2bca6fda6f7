/** Debian packages: only those that are missing, and no apt call where none is. */
import { spawnSync } from "node:child_process";
import { PACKAGES } from "./packages.mjs";
import { quietly, StepFailure } from "./run.mjs";

/** The host lacks something: the exit status of src/errors.ts. */
const HOST_LACKS = 3;
const APT_OPTIONS = ["-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];

/**
 * The step that sees to the host's packages.
 *
 * @param {...string} purposes `run` and `test`
 */
export function apt(...purposes) {
  const needed = PACKAGES.filter((row) => purposes.includes(row.for) && (row.on ?? process.arch) === process.arch);
  return { title: "packages", run: (say) => (isDebian() ? onDebian(needed, say) : elsewhere(needed)) };
}

async function onDebian(needed, say) {
  const missing = missingOf(needed);
  if (missing.length === 0) return `all ${needed.length} are installed`;
  if (process.getuid() !== 0) throw new StepFailure(instructions(missing), HOST_LACKS);
  say("apt-get update");
  await quietly(["apt-get", "-q", "update"]);
  const chosen = missing.map(({ package: names }) => names.find(isAvailable) ?? names[0]);
  say(`apt-get install ${chosen.join(" ")}`);
  await quietly(["apt-get", "install", ...APT_OPTIONS, ...chosen], { env: { DEBIAN_FRONTEND: "noninteractive" } });
  const stillMissing = missingOf(needed);
  if (stillMissing.length > 0) throw new StepFailure(instructions(stillMissing), HOST_LACKS);
  return `installed ${chosen.length}`;
}

async function elsewhere(needed) {
  const path = (process.env.PATH ?? "").split(":");
  const missing = needed.filter(({ program }) => program && !isProgram(program, path)).map(({ program }) => program);
  if (missing.length === 0) return "this is no Debian; the programs are there";
  const names = missing.join(", ");
  throw new StepFailure(`Not in PATH: ${names}\nInstall them with this system's package manager.`, HOST_LACKS);
}

function instructions(missing) {
  const names = missing.map(({ package: [name] }) => name).join(" ");
  return `Some Debian packages are missing, and only root may install them. Run this, then the same command again:\n\n  sudo apt-get install --no-install-recommends ${names}\n`;
}

function isDebian() {
  return spawnSync("dpkg-query", ["--version"], { stdio: "ignore" }).status === 0;
}

function missingOf(needed) {
  const names = needed.flatMap((row) => row.package);
  const asked = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...names], {
    encoding: "utf8",
  });
  const installed = new Set(
    asked.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return needed.filter((row) => !row.package.some((name) => installed.has(name)));
}

function isAvailable(name) {
  const { stdout } = spawnSync("apt-cache", ["policy", name], { encoding: "utf8" });
  return /Candidate: (?!\(none\))/.test(stdout);
}

function isProgram(name, path) {
  return path.some((folder) => spawnSync("test", ["-x", `${folder}/${name}`]).status === 0);
}
