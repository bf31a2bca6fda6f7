/** npm's packages, as package-lock.json has them. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bun, cache, deno, root } from "./paths.mjs";
import { quietly, StepFailure, succeeds } from "./run.mjs";

const STAMP = join(cache, "dependencies");
/** Programs that an install script puts into place, and that script: npm may be set to run none. */
const PROGRAMS = [
  { program: bun, script: "node_modules/bun/install.js" },
  { program: deno, script: "node_modules/deno/install.cjs" },
];

export const dependencies = {
  title: "dependencies",
  async run(say) {
    const wanted = digest();
    if (finished() === wanted && PROGRAMS.every(({ program }) => existsSync(program))) return "unchanged";
    say("npm install");
    // Not `npm ci`: it refuses a lock file without the entry of a platform package, such as Deno's for macOS, that the
    // registry of the lock file's author did not have. `--no-save` leaves the lock file as it is.
    await quietly(["npm", "install", "--no-save", "--no-audit", "--no-fund"]);
    for (const { program, script } of PROGRAMS) await seeTo(program, script);
    mkdirSync(cache, { recursive: true });
    writeFileSync(`${STAMP}.${process.pid}`, wanted);
    renameSync(`${STAMP}.${process.pid}`, STAMP);
    return "installed";
  },
};

async function seeTo(program, script) {
  if (succeeds([program, "--version"])) return;
  await quietly([process.execPath, join(root, script)]);
  if (!succeeds([program, "--version"]))
    throw new StepFailure(`${program} does not run after npm install and ${script}`);
}

function digest() {
  const { dependencies: run, devDependencies: development } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const hash = createHash("sha256").update(JSON.stringify([run, development, process.platform, process.arch]));
  return hash.update(readFileSync(join(root, "package-lock.json"))).digest("hex");
}

function finished() {
  return existsSync(STAMP) ? readFileSync(STAMP, "utf8") : undefined;
}
