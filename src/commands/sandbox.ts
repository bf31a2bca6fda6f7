/** What the verbs share that work on one sandbox themselves, without a server: its options, and finding it. */
import { readFileSync } from "node:fs";
import { loadServeConfig, type LoadedConfig } from "../config.ts";
import { PodexecError } from "../errors.ts";
import { variablesOf, type OptionName, type ServeConfig } from "../options.ts";
import type { Engine, SandboxRef, SandboxSpec } from "../sandbox/engine.ts";
import { Console } from "../sandbox/commands/console.ts";
import { isHandle, nameOf } from "../sandbox/handle.ts";
import { openNotes, type Notes } from "../sandbox/note.ts";
import type { Args, VerbContext } from "./command.ts";
import { serveArgs } from "./serve-args.ts";

/** Options of `serve` that say what a sandbox is and how a command runs in it. */
const SANDBOX_OPTIONS = [
  ...(["image", "build", "network", "memory", "cpus", "pids-limit", "disk", "workspace", "env"] as const),
  ...(["timeout", "output-limit", "lease", "podman", "data-dir"] as const),
] satisfies OptionName[];

const CONTAINER = /^podexec-[0-9a-f]{12}$/;
/** Variables that decide where files lie. */
const PLACES = ["PODEXEC_CONFIG", "XDG_DATA_HOME", "LOCALAPPDATA"];

/** The flags for those options, as `serve` has them. */
export function sandboxArgs(): Args {
  const all = serveArgs();
  return Object.fromEntries([...SANDBOX_OPTIONS, "config"].flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
}

/**
 * The configuration of `serve` as far as it concerns one sandbox.
 *
 * @throws PodexecError as `loadServeConfig`
 */
export function loadSandboxConfig({ args, environment }: Pick<VerbContext, "args" | "environment">): LoadedConfig {
  const names: readonly string[] = [...SANDBOX_OPTIONS, "config"];
  const variables = new Set([...SANDBOX_OPTIONS.flatMap(variablesOf), ...PLACES]);
  const flags = Object.fromEntries(Object.entries(args).filter(([name]) => names.includes(name)));
  const known = Object.fromEntries(Object.entries(environment).filter(([name]) => variables.has(name)));
  // Whatever a shared file says about listening is not this verb's affair.
  return loadServeConfig({ ...flags, insecure: true }, known, (path) => readFileSync(path, "utf8"));
}

/** What a configuration says of a sandbox. */
export function specOf(config: ServeConfig): SandboxSpec {
  return {
    image: config.image,
    network: config.network,
    memory: config.memory,
    cpus: config.cpus,
    pids: config.pidsLimit,
    ...(config.disk === undefined ? {} : { disk: config.disk }),
    ...(config.workspace === undefined ? {} : { workspace: config.workspace }),
    env: config.env,
    leaseMs: config.lease,
  };
}

export interface Reaching {
  engine: Engine;
  /** Where the key of the sandboxes' notes lies, in which their names are. */
  dataFolder: string;
}

/**
 * Opens something in a running sandbox of this host, whichever server keeps it.
 *
 * @param word its handle, its container's name or its own name
 * @throws PodexecError SANDBOX_UNKNOWN; whatever `open` fails with
 */
export async function reachSandbox<T>(
  { engine, dataFolder }: Reaching,
  word: string,
  open: (ref: SandboxRef) => Promise<T>,
): Promise<T> {
  const isNamed = !isHandle(word) && !CONTAINER.test(word);
  const name = isNamed
    ? await containerNamed(engine, word, openNotes(dataFolder))
    : isHandle(word)
      ? nameOf(word)
      : word;
  if (name === undefined) throw unknown(word);
  try {
    return await open({ name });
  } catch (error) {
    const isGone = error instanceof PodexecError && error.code === "SANDBOX_GONE";
    if (!isGone || (await engine.list()).some((sandbox) => sandbox.name === name)) throw error;
    throw unknown(word, error);
  }
}

/** The container of the one sandbox that its agent's note names so. @throws PodexecError USAGE where there are several */
async function containerNamed(engine: Engine, word: string, notes: Notes): Promise<string | undefined> {
  const running = (await engine.list()).filter(({ state }) => state === "running");
  const names = await Promise.all(running.map((ref) => ownName(engine, ref, notes)));
  const found = running.filter((_, i) => names[i] === word).map(({ name }) => name);
  if (found.length < 2) return found[0];
  throw new PodexecError("USAGE", `${found.length} sandboxes are named ${word}`, {
    hint: `Say which by its container: ${found.slice(0, 5).join(", ")}`,
  });
}

async function ownName(engine: Engine, ref: SandboxRef, notes: Notes): Promise<string | undefined> {
  try {
    const console = await Console.open(engine, ref, { leaseMs: 60_000, onOutput: () => true });
    console.close();
    const note = notes.open(console.note);
    return note && nameOf(note.handle) === ref.name ? note.name : undefined;
  } catch {
    // One that cannot be reached is not the one.
    return undefined;
  }
}

function unknown(word: string, cause?: unknown): PodexecError {
  return new PodexecError("SANDBOX_UNKNOWN", `no sandbox of podexec that runs is named ${word}`, {
    hint: "`podexec sessions list` shows them all.",
    cause,
  });
}
