import { PodexecError } from "../errors.ts";
import type { SandboxInfo } from "../sandbox/engine.ts";
import { defineVerb, jsonFlag, type Io } from "./command.ts";
import { loadHostConfig, openEngine, openHost, hostArgs } from "./host.ts";
import { table } from "./table.ts";

/** `podexec sessions list`: every sandbox of podexec on this Podman. */
export const list = defineVerb({
  args: { ...hostArgs(), json: jsonFlag },
  async run(context) {
    const { args, io } = context;
    const config = loadHostConfig(context);
    const sandboxes = await openEngine(await openHost(config), config).list();
    if (args.json) return io.stdout.write(`${JSON.stringify(sandboxes.map(toJson), null, 2)}\n`);
    if (sandboxes.length === 0) return io.stderr.write("no sandboxes\n");
    await io.stdout.write(table(["NAME", "STATE", "SERVER", "AGE", "IMAGE"], sandboxes.map(toRow)));
  },
});

/** `podexec sessions kill`: removes sandboxes of podexec by name, session or all; nothing else on this Podman. */
export const kill = defineVerb({
  args: {
    names: { type: "positionals", summary: "Names or sessions, as `podexec sessions list` shows them" },
    all: { type: "boolean", default: false, summary: "All sandboxes, also those of servers that run" },
    orphans: { type: "boolean", default: false, summary: "Those whose server is gone" },
    ...hostArgs(),
    json: jsonFlag,
  },
  examples: ["podexec sessions kill podexec-1f2e3d4c5b6a", "podexec sessions kill --orphans"],
  async run(context) {
    const { args, io } = context;
    const { names } = args;
    const ways = [names.length > 0, args.all, args.orphans].filter(Boolean).length;
    if (ways !== 1) {
      const problem = ways === 0 ? "nothing to kill is named" : "names, --orphans and --all exclude each other";
      throw new PodexecError("USAGE", problem, { hint: "Give names, --orphans or --all." });
    }
    const config = loadHostConfig(context);
    const engine = openEngine(await openHost(config), config);
    const doomed = choose(await engine.list(), names, args.all, args.orphans);
    for (const sandbox of doomed) await engine.remove(sandbox);
    await report(io, doomed, args.json);
  },
});

/** @throws PodexecError SANDBOX_UNKNOWN for a name that is no sandbox of podexec; then none is touched */
function choose(
  sandboxes: readonly SandboxInfo[],
  names: readonly string[],
  all: boolean,
  orphans: boolean,
): SandboxInfo[] {
  const unknown = names.filter((name) => !sandboxes.some((sandbox) => isNamed(sandbox, name)));
  if (unknown.length > 0) {
    throw new PodexecError("SANDBOX_UNKNOWN", `no sandbox of podexec is named ${unknown.join(", ")}`, {
      hint: "`podexec sessions list` shows them all. Nothing was removed.",
    });
  }
  return sandboxes.filter(
    (sandbox) => all || (orphans && !sandbox.owner.alive) || names.some((name) => isNamed(sandbox, name)),
  );
}

function isNamed(sandbox: SandboxInfo, name: string): boolean {
  return sandbox.name === name;
}

async function report(io: Io, removed: readonly SandboxInfo[], json: boolean): Promise<void> {
  const names = removed.map((sandbox) => sandbox.name);
  if (json) await io.stdout.write(`${JSON.stringify({ removed: names }, null, 2)}\n`);
  else await io.stdout.write(names.map((name) => `${name}\n`).join(""));
}

function toJson(sandbox: SandboxInfo) {
  return {
    name: sandbox.name,
    state: sandbox.state,
    image: sandbox.image,
    created_at: sandbox.createdAt.toISOString(),
    server: sandbox.owner,
  };
}

function toRow(sandbox: SandboxInfo): string[] {
  const server = sandbox.owner.alive ? `pid ${sandbox.owner.pid}` : "gone";
  return [sandbox.name, sandbox.state, server, ageOf(sandbox.createdAt), sandbox.image];
}

function ageOf(date: Date): string {
  const seconds = Math.max(0, Math.round((Date.now() - date.getTime()) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return `${Math.round(seconds / 3600)}h`;
}
