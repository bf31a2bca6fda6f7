/** `bun build.ts [--target NAME]...`: the agents, then one executable a target, in dist/. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { AGENTS, agentPath, buildAgents } from "./scripts/build/agent.ts";
import { digestOf, filesBelow, isCurrent, noteFinished } from "./scripts/build/inputs.ts";
import { isX64MachO, signedAdHoc } from "./scripts/build/macho.ts";
import { bunFor } from "./scripts/build/target-bun.ts";
import { hostTarget, TARGETS, targetsNamed, type Target } from "./scripts/build/targets.ts";

const ROOT = import.meta.dirname;
const CACHE = join(ROOT, "node_modules/.cache/podexec");
const DIST = join(ROOT, "dist");

/** What podexec reads at run time through `readAsset`; nothing else is embedded. */
const ASSETS = [...AGENTS.map(({ name }) => agentPath(name)), "images/base", "images/templates"];
/** What else an executable is made from. */
const SOURCES = ["build.ts", "scripts/build", "src", "package.json", "package-lock.json", "tsconfig.json"];

const USAGE = `Usage: bun build.ts [--target NAME]...

Without --target, builds dist/podexec for this host. With it, dist/podexec-NAME for each NAME:
  ${TARGETS.map(({ name }) => name).join(", ")}, or all of them as "all".`;

interface Job {
  target: Target;
  output: string;
}

class UsageError extends Error {}

function jobsFor(args: string[]): Job[] | "help" {
  try {
    const options = { target: { type: "string", multiple: true }, help: { type: "boolean", short: "h" } } as const;
    const { values } = parseArgs({ args, options });
    if (values.help) return "help";
    if (!values.target) return [{ target: hostTarget(), output: join(DIST, `podexec${hostTarget().suffix}`) }];
    return targetsNamed(values.target).map((target) => ({
      target,
      output: join(DIST, `podexec-${target.name}${target.suffix}`),
    }));
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version;
}

/** What is fixed in the executable: the commit it is built from, where there is one. */
function definitions(): Record<string, string> {
  const git = (...args: string[]) => spawnSync("git", ["-C", ROOT, ...args], { encoding: "utf8" });
  const head = git("rev-parse", "--short=12", "HEAD");
  if (head.status !== 0) return {};
  const isChanged = git("status", "--porcelain").stdout.trim() !== "";
  return { PODEXEC_COMMIT: JSON.stringify(`${head.stdout.trim()}${isChanged ? "-changed" : ""}`) };
}

/** Removes what builds that were killed left; the folder's name holds the builder's pid. */
function sweepUnfinished(): void {
  for (const name of existsSync(DIST) ? readdirSync(DIST) : []) {
    const pid = /^\.unfinished-(\d+)-/.exec(name)?.[1];
    if (pid && !existsSync(`/proc/${pid}`)) rmSync(join(DIST, name), { recursive: true, force: true });
  }
}

/** Copies the assets into one folder: Bun embeds a folder under its own name and keeps what is below it. */
function stageAssets(folder: string): string {
  for (const path of filesBelow(ROOT, ASSETS)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(ROOT, path), join(folder, path));
  }
  return join(folder, "images");
}

async function compile(job: Job, define: Record<string, string>, folder: string): Promise<string> {
  const outfile = join(folder, `podexec${job.target.suffix}`);
  const result = await Bun.build({
    entrypoints: [join(ROOT, "src/main.ts")],
    target: "bun",
    format: "esm",
    minify: true,
    bytecode: true,
    define,
    throw: false,
    compile: {
      target: job.target.bun,
      executablePath: bunFor(job.target, ROOT, CACHE),
      outfile,
      assets: [stageAssets(folder)],
      // A compiled Bun executable otherwise loads both from the current folder, which may be anybody's.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  });
  if (!result.success) throw new Error(`src/main.ts does not compile\n${result.logs.map(String).join("\n")}`);
  const bytes = readFileSync(outfile);
  if (isX64MachO(bytes)) writeFileSync(outfile, signedAdHoc(bytes, "podexec"));
  return outfile;
}

async function build(job: Job, define: Record<string, string>): Promise<boolean> {
  const words = [Bun.version, Bun.revision, job.target.name, JSON.stringify(define)];
  const inputs = digestOf(words, ROOT, filesBelow(ROOT, [...SOURCES, ...ASSETS]));
  const stamp = join(CACHE, `${job.output.slice(DIST.length + 1)}.json`);
  if (isCurrent(job.output, stamp, inputs)) return false;
  mkdirSync(DIST, { recursive: true });
  // In dist, so that the finished file is put into place by a rename: a running podexec keeps the old one.
  const folder = mkdtempSync(join(DIST, `.unfinished-${process.pid}-`));
  try {
    renameSync(await compile(job, define, folder), job.output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  noteFinished(job.output, stamp, inputs);
  return true;
}

async function main(args: string[]): Promise<number> {
  const jobs = jobsFor(args);
  if (jobs === "help") {
    console.log(USAGE);
    return 0;
  }
  sweepUnfinished();
  const compiled = buildAgents(ROOT, { version: packageVersion(), cache: CACHE });
  if (compiled.length > 0) console.error(`agent: compiled for ${compiled.join(" and ")}`);
  const define = definitions();
  for (const job of jobs) {
    const started = Date.now();
    const isNew = await build(job, define);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    console.error(`${job.output.slice(ROOT.length + 1)}: ${isNew ? `built in ${seconds} s` : "unchanged"}`);
  }
  return 0;
}

try {
  process.exitCode = await main(Bun.argv.slice(2));
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
