import { PodexecError } from "../errors.ts";
import { readNote } from "../sandbox/owners/adoption.ts";
import type { Engine, SandboxInfo } from "../sandbox/engine.ts";
import { isHandle, nameOf } from "../sandbox/handle.ts";
import { openNotes, type Note } from "../sandbox/note.ts";
import { defineVerb, jsonFlag, type Io } from "./command.ts";
import { loadHostConfig, openEngine, openHost, hostArgs } from "./host.ts";
import { table } from "./table.ts";

/** `podexec sessions list`: every sandbox of podexec on this Podman. */
export const list = defineVerb({
  args: { ...hostArgs(), json: jsonFlag },
  async run(context) {
    const { args, io } = context;
    const config = loadHostConfig(context);
    const engine = openEngine(await openHost(config), config);
    const rows = await withNotes(engine, await engine.list(), config.dataFolder);
    if (args.json) return io.stdout.write(`${JSON.stringify(rows.map(toJson), null, 2)}\n`);
    if (rows.length === 0) return io.stderr.write("no sandboxes\n");
    await io.stdout.write(table(HEADINGS, rows.map(toRow)));
  },
});

const HEADINGS = ["NAME", "STATE", "PRINCIPAL", "NAME/SESSION", "SERVER", "AGE", "IMAGE"];

/** `podexec sessions kill`: removes sandboxes of podexec by name or handle, or all; nothing else on this Podman. */
export const kill = defineVerb({
  args: {
    names: { type: "positionals", summary: "Names as `podexec sessions list` shows them, or handles" },
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
  return sandbox.name === (isHandle(name) ? nameOf(name) : name);
}

/** A sandbox and what its agent says of it; undefined where it cannot be asked, or is not of this data folder. */
interface Row extends SandboxInfo {
  note: Note | undefined;
}

async function withNotes(engine: Engine, sandboxes: readonly SandboxInfo[], dataFolder: string): Promise<Row[]> {
  const notes = openNotes(dataFolder);
  return Promise.all(
    sandboxes.map(async (sandbox) => ({
      ...sandbox,
      note: sandbox.state === "running" ? await readNote(engine, sandbox, notes) : undefined,
    })),
  );
}

async function report(io: Io, removed: readonly SandboxInfo[], json: boolean): Promise<void> {
  const names = removed.map((sandbox) => sandbox.name);
  if (json) await io.stdout.write(`${JSON.stringify({ removed: names }, null, 2)}\n`);
  else await io.stdout.write(names.map((name) => `${name}\n`).join(""));
}

function toJson({ note, ...sandbox }: Row) {
  return {
    name: sandbox.name,
    state: sandbox.state,
    image: sandbox.image,
    created_at: sandbox.createdAt.toISOString(),
    server: sandbox.owner,
    principal: note?.principal ?? null,
    session: note?.session ?? null,
    label: note?.name ?? null,
    expires_at: note?.expiresAt === undefined ? null : new Date(note.expiresAt).toISOString(),
  };
}

function toRow({ note, ...sandbox }: Row): string[] {
  const server = sandbox.owner.alive ? `pid ${sandbox.owner.pid}` : "gone";
  const principal = note && note.principal === undefined ? "(pool)" : (note?.principal ?? "-");
  const label = note?.name ?? note?.session ?? "-";
  return [sandbox.name, sandbox.state, principal, label, server, ageOf(sandbox.createdAt), sandbox.image];
}

function ageOf(date: Date): string {
  const seconds = Math.max(0, Math.round((Date.now() - date.getTime()) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return `${Math.round(seconds / 3600)}h`;
}
