/** The host's side of a sandbox: one private folder each, which holds the socket to its agent. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PodexecError } from "../errors.ts";
import { readAgent, type AgentMachine } from "../runtime.ts";
import { ownerSchema, type Owner } from "./labels.ts";

/** The architectures of images that podexec has an agent for, as Podman names them. */
const MACHINES: Readonly<Record<string, AgentMachine>> = { amd64: "x86_64", arm64: "aarch64" };

/** The folders of all sandboxes below podexec's data folder. */
export class SandboxFolders {
  readonly #sandboxes: string;
  readonly #agents: string;

  /** @param dataFolder podexec's data folder; made where it is missing, readable by this user only */
  constructor(dataFolder: string) {
    this.#sandboxes = join(dataFolder, "sandboxes");
    this.#agents = join(dataFolder, "agents");
  }

  /**
   * Makes a sandbox's folder with the agent in it.
   *
   * @param architecture the image's, as Podman names it: `amd64` or `arm64`
   * @returns the folder to mount at AGENT_FOLDER
   * @throws Error where there is no agent for the architecture
   */
  prepare(name: string, architecture: string, owner: Owner): string {
    const agent = this.agentFile(architecture);
    const folder = this.mountedFolder(name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Copied into a sandbox, it has to let everybody in; on this host the folder above keeps everybody out.
    chmodSync(folder, 0o755);
    this.noteOwner(name, owner);
    try {
      linkSync(agent, join(folder, "agent"));
    } catch {
      copyFileSync(agent, join(folder, "agent"));
    }
    return folder;
  }

  /** The sandbox's own folder. */
  folder(name: string): string {
    return join(this.#sandboxes, name);
  }

  /** The folder that is mounted into the sandbox while it starts. */
  mountedFolder(name: string): string {
    return join(this.#sandboxes, name, "run");
  }

  /** The socket to the agent, once `seal` moved it there. */
  socket(name: string): string {
    return join(this.#sandboxes, name, "s");
  }

  /** Whether the agent listens. @throws PodexecError PODMAN_UNUSABLE with what the agent said where it gave up */
  isListening(name: string): boolean {
    const folder = this.mountedFolder(name);
    if (existsSync(join(folder, "s"))) return true;
    const complaint = join(folder, "s.err");
    if (!existsSync(complaint)) return false;
    const said = readFileSync(complaint, "utf8").trim();
    throw new PodexecError("PODMAN_UNUSABLE", `the sandbox cannot be made safe on this host: ${said}`, {
      hint: "`podexec doctor` checks what is missing.",
    });
  }

  /**
   * Takes the socket and the agent's file out of the sandbox's reach: the mounted folder is removed on the host, after
   * which nothing can be seen or made in it from inside.
   */
  seal(name: string): void {
    const folder = this.mountedFolder(name);
    renameSync(join(folder, "s"), this.socket(name));
    this.clear(name);
  }

  /** Removes the folder that was mounted or copied into the sandbox. */
  clear(name: string): void {
    rmSync(this.mountedFolder(name), { recursive: true, force: true });
  }

  /** Removes a sandbox's folder. What is mounted in it is not followed. */
  remove(name: string): void {
    const workspace = this.workspace(name);
    // rmdir and not rm: were the workspace still mounted there, rm would empty it.
    if (existsSync(workspace)) rmdirSync(workspace);
    rmSync(join(this.#sandboxes, name), { recursive: true, force: true });
  }

  /** Where a workspace is mounted once more, for the moment of the start. */
  workspace(name: string): string {
    return join(this.#sandboxes, name, "workspace");
  }

  /** Names of all sandboxes that have a folder here. */
  names(): string[] {
    return existsSync(this.#sandboxes) ? readdirSync(this.#sandboxes) : [];
  }

  /** Whether a sandbox has a folder here. */
  has(name: string): boolean {
    return existsSync(join(this.#sandboxes, name));
  }

  /** Notes who keeps a sandbox. @throws the system's error where it has no folder here */
  noteOwner(name: string, owner: Owner): void {
    const file = join(this.#sandboxes, name, "owner");
    const unfinished = `${file}.${owner.id}`;
    writeFileSync(unfinished, JSON.stringify(owner), { mode: 0o600 });
    renameSync(unfinished, file);
  }

  /** The server that keeps a sandbox; undefined where it cannot be told. */
  owner(name: string): Owner | undefined {
    try {
      return ownerSchema.parse(JSON.parse(readFileSync(join(this.#sandboxes, name, "owner"), "utf8")));
    } catch {
      return undefined;
    }
  }

  /**
   * The agent's file for an architecture, written once for each build of podexec.
   *
   * @param architecture as Podman names it: `amd64` or `arm64`
   * @throws Error where there is no agent for it
   */
  agentFile(architecture: string): string {
    const machine = MACHINES[architecture];
    if (!machine) throw new Error(`podexec has no agent for images of architecture ${architecture || "unknown"}`);
    const bytes = readAgent(machine);
    const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
    const file = join(this.#agents, `agent-${architecture}-${digest}`);
    if (existsSync(file)) return file;
    mkdirSync(this.#agents, { recursive: true, mode: 0o700 });
    const unfinished = `${file}.${process.pid}`;
    writeFileSync(unfinished, bytes, { mode: 0o555 });
    renameSync(unfinished, file);
    return file;
  }
}
