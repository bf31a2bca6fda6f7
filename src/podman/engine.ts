/** Sandboxes as Podman containers. */
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
import { isAlive, LABEL, ownerOf, type Owner } from "./labels.ts";
import { psSchema } from "./schemas.ts";
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

/** More starts at once take no less time in all: they wait for each other's locks. */
const STARTS_AT_ONCE = 4;

export class PodmanEngine implements Engine {
  readonly #podman: Podman;
  readonly #owner: Owner;
  readonly #access: Access;
  readonly #folders: SandboxFolders;
  readonly #architectures = new Map<string, Promise<string>>();
  readonly #starts = new Slots(STARTS_AT_ONCE);

  constructor(options: PodmanEngineOptions) {
    this.#podman = options.podman.withGlobalArgs(options.adaptation.globalArgs);
    this.#owner = options.owner;
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
    try {
      return await this.#access.connect(ref.name, handlers);
    } catch (cause) {
      const reason = await this.whyGone(ref);
      const why = reason?.text ?? "its agent does not answer";
      throw new PodexecError("SANDBOX_GONE", `sandbox ${ref.name} cannot be reached: ${why}`, { cause });
    }
  }

  async claim(ref: SandboxRef): Promise<void> {
    this.#folders.noteOwner(ref.name, this.#owner);
  }

  isClaimed(ref: SandboxRef): boolean {
    return this.#folders.owner(ref.name)?.id === this.#owner.id;
  }

  async orphans(): Promise<SandboxRef[]> {
    return this.#folders
      .names()
      .filter((name) => !this.#isOwned(name))
      .map((name) => ({ name }));
  }

  async list(): Promise<SandboxInfo[]> {
    const filter = ["--filter", `label=${LABEL}=1`];
    const rows = await this.#podman.json(["ps", "--all", ...filter, "--format", "json"], psSchema);
    return rows.map((row) => {
      const name = row.Names[0] ?? row.Id;
      const owner = ownerOf(row.Labels ?? {});
      return {
        name,
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
    const all = await this.list();
    const left = all.filter((sandbox) => !sandbox.owner.alive).map((sandbox) => sandbox.name);
    const known = new Set(all.map((sandbox) => sandbox.name));
    // Sandboxes whose lease ended them are gone by themselves, but for their folder on the host.
    const folders = this.#folders.names().filter((name) => !known.has(name) && !this.#isOwned(name));
    for (const name of [...left, ...folders]) await this.remove({ name });
    return left;
  }

  #isOwned(name: string): boolean {
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
