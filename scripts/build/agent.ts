/** Compiles the agent: one static Linux executable an architecture, whatever podexec itself is built for. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf, isCurrent, noteFinished } from "./inputs.ts";

interface AgentArchitecture {
  name: string;
  /** Node's name of a Linux host on which plain `gcc` compiles for it. */
  native: string;
  cross: string;
  /** Debian's packages that bring the cross compiler. */
  packages: string;
}

export const AGENTS: readonly AgentArchitecture[] = [
  {
    name: "x86_64",
    native: "x64",
    cross: "x86_64-linux-gnu-gcc",
    packages: "gcc-x86-64-linux-gnu libc6-dev-amd64-cross",
  },
  {
    name: "aarch64",
    native: "arm64",
    cross: "aarch64-linux-gnu-gcc",
    packages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
  },
];

const SOURCES = "images/agent";
const FLAGS = ["-std=c11", "-O2", "-static", "-s", "-Wall", "-Wextra", "-Werror"];

/** Where an agent lies in the checkout, relative to its root. */
export function agentPath(name: string): string {
  return `${SOURCES}/build/agent-${name}`;
}

/**
 * Compiles the agents whose sources, flags or compiler changed.
 *
 * @param root the checkout
 * @param options.version what the agent says it is
 * @param options.cache folder for the stamps
 * @returns the names of the architectures that were compiled anew
 * @throws Error that names the Debian package where a compiler is missing, or holds what the compiler said
 */
export function buildAgents(root: string, options: { version: string; cache: string }): string[] {
  const files = readdirSync(join(root, SOURCES))
    .filter((name) => /\.[ch]$/.test(name))
    .toSorted()
    .map((name) => `${SOURCES}/${name}`);
  const flags = [...FLAGS, `-DAGENT_VERSION="${options.version}"`];
  mkdirSync(join(root, SOURCES, "build"), { recursive: true });
  return AGENTS.filter((agent) => {
    const compiler = compilerFor(agent);
    const inputs = digestOf([compiler.version, ...flags], root, files);
    const output = join(root, agentPath(agent.name));
    const stamp = join(options.cache, `agent-${agent.name}.json`);
    if (isCurrent(output, stamp, inputs)) return false;
    compile(root, [compiler.program, ...flags], files, output);
    noteFinished(output, stamp, inputs);
    return true;
  }).map((agent) => agent.name);
}

function compilerFor(agent: AgentArchitecture): { program: string; version: string } {
  const isNative = process.platform === "linux" && process.arch === agent.native;
  const program = isNative ? "gcc" : agent.cross;
  const asked = spawnSync(program, ["--version"], { encoding: "utf8" });
  if (asked.status !== 0) {
    const packages = isNative ? "gcc libc6-dev" : agent.packages;
    throw new Error(
      `The agent for ${agent.name} needs ${program}, which is not in PATH.\n  Debian: apt-get install ${packages}`,
    );
  }
  return { program, version: asked.stdout };
}

function compile(root: string, command: string[], files: readonly string[], output: string): void {
  const [program, ...flags] = command as [string, ...string[]];
  const unfinished = `${output}.${process.pid}`;
  const sources = files.filter((file) => file.endsWith(".c"));
  const args = [...flags, "-o", unfinished, ...sources];
  const result = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  if (result.status !== 0) {
    rmSync(unfinished, { force: true });
    throw new Error(`The agent does not compile: ${[program, ...args].join(" ")}\n${result.stderr}`);
  }
  chmodSync(unfinished, 0o755);
  renameSync(unfinished, output);
}
