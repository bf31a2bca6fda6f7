/** Sandboxes as Podman containers. */
import { existsSync } from "node:fs";
import { PodexecError, toPodexecError } from "../errors.ts";
import type {
  Connection,
  ConnectionHandlers,
  Engine,
  GoneReason,
  SandboxInfo,
  SandboxRef,
  SandboxSpec,
} from "../sandbox/engine.ts";
import { failedError, type Podman } from "./client.ts";
import { SandboxFolders } from "./folder.ts";
import { whyGone } from "./gone.ts";
import { openAccess, type Access } from "./access.ts";
import type { Adaptation } from "./adaptation.ts";
import { imageArchitecture } from "./images.ts";
import { isAlive, LABEL, type Owner, ownerOf, SANDBOX_NAME } from "./labels.ts";
import { psSchema, type PsRow } from "./schemas.ts";
import { releaseWorkspace } from "./workspace.ts";

export interface PodmanEngineOptions {
  podman: Podman;
  adaptation: Adaptation;
  owner: Owner;
  /** Where the agent and the sandboxes' sockets live. */
  dataFolder: string;
  /** Bytes that the output files of one sandbox may take together. */
  spillLimit: number;
  /** Hears of what a sandbox cannot have on this host. */
  warn(message: string): void;
}

/** States in which a container's agent is at work. */
const RUNNING: ReadonlySet<string> = new Set(["running", "stopping"]);

/** More starts at once take no less time in all: they wait for each other's locks. */
const STARTS_AT_ONCE = 4;

export class PodmanEngine implements Engine {
  readonly #podman: Podman;
  readonly #owner: Owner;
  readonly #access: Access;
  readonly #folders: SandboxFolders;
  readonly #architectures = new Map<string, Promise<string>>();
  readonly #starts = new Slots(STARTS_AT_ONCE);
  readonly #isRemote: boolean;

  constructor(options: PodmanEngineOptions) {
    this.#podman = options.podman.withGlobalArgs(options.adaptation.globalArgs);
    this.#owner = options.owner;
    this.#isRemote = options.adaptation.remote;
    this.#folders = new SandboxFolders(options.dataFolder);
    this.#access = openAccess({ ...options, podman: this.#podman, folders: this.#folders });
  }

  async create(spec: SandboxSpec, name: string, signal?: AbortSignal): Promise<SandboxRef> {
    const architecture = await this.#architecture(spec.image);
    await this.#starts.take();
    try {
      signal?.throwIfAborted();
      await this.#access.start(name, architecture, spec);
      signal?.throwIfAborted();
      return { name };
    } catch (error) {
      await this.remove({ name });
      throw toPodexecError(error);
    } finally {
      this.#starts.give();
    }
  }

  async connect(ref: SandboxRef, handlers: ConnectionHandlers): Promise<Connection> {
    // Whoever makes up handles costs no call of podman.
    if (!this.#folders.has(ref.name)) throw unreachable(ref, "it is not there");
    try {
      return await this.#access.connect(ref.name, handlers);
    } catch (cause) {
      // Why it is gone is worth two calls of podman to those who had it, and not to a start that looks for many.
      const reason = this.isClaimed(ref) ? await this.whyGone(ref) : undefined;
      throw unreachable(ref, reason?.text ?? "its agent does not answer", cause);
    }
  }

  async claim(ref: SandboxRef): Promise<void> {
    try {
      this.#folders.noteOwner(ref.name, this.#owner);
    } catch (cause) {
      throw unreachable(ref, "its folder on the host is gone", cause);
    }
  }

  isClaimed(ref: SandboxRef): boolean {
    return this.#folders.owner(ref.name)?.id === this.#owner.id;
  }

  async orphans(): Promise<SandboxRef[]> {
    const left = this.#folders.names().filter((name) => {
      const owner = this.#folders.owner(name);
      return owner !== undefined && owner.kind === this.#owner.kind && !isAlive(owner);
    });
    // Through `podman exec` an attempt to connect costs more than to ask what runs.
    const running = left.length > 0 && this.#isRemote ? await this.#running() : undefined;
    return left.filter((name) => running?.has(name) ?? true).map((name) => ({ name }));
  }

  async list(): Promise<SandboxInfo[]> {
    return (await this.#rows()).map((row) => {
      const owner = this.#keeper(row);
      return {
        name: nameOf(row),
        state: row.State,
        image: row.Image,
        createdAt: new Date(row.Created * 1000),
        owner: { id: owner.id, pid: Number.parseInt(owner.pid, 10), alive: isAlive(owner) },
      };
    });
  }

  async remove(ref: SandboxRef): Promise<void> {
    const args = ["rm", "--force", "--ignore", "--time", "0", ref.name];
    let result = await this.#podman.run(args);
    if (result.status !== 0 && /paused|improper/i.test(result.stderr)) {
      // Podman 4 with cgroups v1 cannot kill what is frozen.
      await this.#podman.run(["unpause", ref.name]);
      result = await this.#podman.run(args);
    }
    await releaseWorkspace(this.#folders, ref.name);
    this.#folders.remove(ref.name);
    if (result.status !== 0 && !/no such container|no container with/i.test(result.stderr))
      throw failedError(args, result);
  }

  whyGone(ref: SandboxRef): Promise<GoneReason | undefined> {
    return whyGone(this.#podman, ref.name);
  }

  async sweep(): Promise<string[]> {
    const rows = await this.#rows();
    // What runs may be taken over by a server that starts later, or ends itself; nothing that is frozen can, and what
    // its server did not live to finish is nobody's.
    const isLost = (row: PsRow) => !RUNNING.has(row.State) || this.#isUnfinished(nameOf(row));
    const dead = rows.filter((row) => !isAlive(this.#keeper(row)) && isLost(row)).map(nameOf);
    const known = new Set(rows.map(nameOf));
    // Sandboxes whose lease ended them are gone by themselves, but for their folder on the host.
    const folders = this.#folders.names().filter((name) => !known.has(name) && !this.#isKept(name));
    for (const name of [...dead, ...folders]) await this.remove({ name });
    return dead;
  }

  async #rows(): Promise<PsRow[]> {
    const rows = await this.#podman.json(["ps", "--all", "--filter", `label=${LABEL}=1`, "--format", "json"], psSchema);
    // A container inherits its image's labels: one of somebody else may have the label, but not such a name.
    return rows.filter((row) => SANDBOX_NAME.test(nameOf(row)));
  }

  async #running(): Promise<Set<string>> {
    return new Set((await this.#rows()).filter((row) => RUNNING.has(row.State)).map(nameOf));
  }

  /** Whether a sandbox of this data folder was never reached by the server that started it. */
  #isUnfinished(name: string): boolean {
    return !this.#isRemote && this.#folders.has(name) && !existsSync(this.#folders.socket(name));
  }

  /** The file on the host is the truth; labels stay as the container was made. */
  #keeper(row: PsRow): Owner {
    return this.#folders.owner(nameOf(row)) ?? ownerOf(row.Labels ?? {});
  }

  #isKept(name: string): boolean {
    const owner = this.#folders.owner(name);
    return owner !== undefined && isAlive(owner);
  }

  /** The image's architecture, which decides about the agent. @throws PodexecError IMAGE_MISSING */
  #architecture(image: string): Promise<string> {
    let known = this.#architectures.get(image);
    if (!known) {
      known = imageArchitecture(this.#podman, image);
      this.#architectures.set(image, known);
      known.catch(() => this.#architectures.delete(image));
    }
    return known;
  }
}

function nameOf(row: PsRow): string {
  return row.Names[0] ?? row.Id;
}

function unreachable(ref: SandboxRef, why: string, cause?: unknown): PodexecError {
  return new PodexecError("SANDBOX_GONE", `sandbox ${ref.name} cannot be reached: ${why}`, { cause });
}

/** At most `count` at once; the others wait in order. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
