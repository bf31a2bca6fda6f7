/** The MCP Inspector's command line: somebody else's client, in the Node it needs. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./executable.ts";
import { plainEnvironment, run, type RunResult } from "./run.ts";

const SOURCE = join(import.meta.dir, "inspector");
const FILES = ["package.json", "package-lock.json"];
const FOLDER = join(ROOT, "node_modules/.cache/podexec/inspector");
/** Where its Node is, which newer tools than the system's need. */
export const NODE_FOLDER = join(FOLDER, "node_modules/.bin");
const INSTALL_LIMIT_MS = 240_000;

/** Installs it once, as its lock file has it; at once where it is there already. */
export async function installInspector(): Promise<void> {
  if (isInstalled()) return;
  const unfinished = `${FOLDER}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  for (const file of FILES) copyFileSync(join(SOURCE, file), join(unfinished, file));
  try {
    await run(["npm", "ci", "--no-audit", "--no-fund"], { cwd: unfinished, timeoutMs: INSTALL_LIMIT_MS });
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(unfinished, FOLDER);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** Runs `mcp-inspector --cli ...args` with a home of its own, and gives what it printed. */
export async function inspect(args: readonly string[], status = 0): Promise<RunResult> {
  const home = mkdtempSync(join(tmpdir(), "podexec-inspector-"));
  const env = { HOME: home, PATH: `${NODE_FOLDER}:${plainEnvironment()["PATH"]}` };
  try {
    return await run([join(NODE_FOLDER, "mcp-inspector"), "--cli", ...args], { status, env, timeoutMs: 50_000 });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function isInstalled(): boolean {
  const same = (file: string) => readFileSync(join(FOLDER, file)).equals(readFileSync(join(SOURCE, file)));
  return FILES.every((file) => existsSync(join(FOLDER, file)) && same(file));
}
