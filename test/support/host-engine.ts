/**
 * The one fake engine: its sandboxes are real agents, but plain processes of this host instead of containers. It is
 * admitted because it passes the contract suite that Podman's engine passes (test/contract/engine.test.ts). Two of them
 * on one folder are two servers; one that is `abandoned` is a server that was killed.
 */
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PodexecError } from "../../src/errors.ts";
import { imageMissing } from "../../src/podman/images.ts";
import { connectUnix } from "../../src/podman/socket.ts";
import type { Engine, SandboxInfo, SandboxRef, SandboxSpec } from "../../src/sandbox/engine.ts";
import { isRunning, killTree } from "./process-tree.ts";

const AGENT = join(
  import.meta.dir,
  "../../images/agent/build",
  process.arch === "arm64" ? "agent-aarch64" : "agent-x86_64",
);

interface Running {
  pid: number;
  image: string;
  createdAt: number;
}

export class HostEngine implements Engine {
  readonly folder: string;
  created = 0;
  readonly #id = randomBytes(4).toString("hex");

  /** @param folder of another one, to play its neighbour or its successor */
  constructor(folder = mkdtempSync(join(tmpdir(), "podexec-test-host-"))) {
    this.folder = folder;
    mkdirSync(join(folder, "alive"), { recursive: true });
    writeFileSync(join(folder, "alive", this.#id), "");
  }

  async create(spec: SandboxSpec, name: string): Promise<SandboxRef> {
    if (spec.image.includes("no-such")) throw imageMissing(spec.image);
    const flags = ["--lease", String(spec.leaseMs), "--spill-dir", join(this.folder, `${name}-output`)];
    const agent = Bun.spawn([AGENT, "serve", "--socket", this.#file(name, "s"), ...flags], {
      cwd: this.folder,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: this.folder, LANG: "C.UTF-8", ...spec.env },
      stdio: ["ignore", "ignore", "ignore"],
    });
    agent.unref();
    this.created++;
    const running: Running = { pid: agent.pid, image: spec.image, createdAt: Date.now() };
    writeFileSync(this.#file(name, "json"), JSON.stringify(running));
    await this.claim({ name });
    while (!existsSync(this.#file(name, "s"))) await Bun.sleep(2);
    return { name };
  }

  async connect({ name }: SandboxRef, handlers: Parameters<Engine["connect"]>[1]) {
    try {
      return await connectUnix(this.#file(name, "s"), handlers);
    } catch (cause) {
      throw new PodexecError("SANDBOX_GONE", `sandbox ${name} cannot be reached`, { cause });
    }
  }

  async claim({ name }: SandboxRef): Promise<void> {
    if (!existsSync(this.#file(name, "json"))) throw new PodexecError("SANDBOX_GONE", `sandbox ${name} is gone`);
    writeFileSync(this.#file(name, `owner.${this.#id}`), this.#id);
    renameSync(this.#file(name, `owner.${this.#id}`), this.#file(name, "owner"));
  }

  isClaimed({ name }: SandboxRef): boolean {
    return this.#owner(name) === this.#id;
  }

  async orphans(): Promise<SandboxRef[]> {
    return this.#names()
      .filter((name) => !this.#isAlive(this.#owner(name)))
      .map((name) => ({ name }));
  }

  async list(): Promise<SandboxInfo[]> {
    return this.#names().map((name) => {
      const { pid, image, createdAt } = this.#running(name);
      const id = this.#owner(name);
      const state = isRunning(pid) ? "running" : "exited";
      return {
        name,
        state,
        image,
        createdAt: new Date(createdAt),
        owner: { id, pid: process.pid, alive: this.#isAlive(id) },
      };
    });
  }

  async remove({ name }: SandboxRef): Promise<void> {
    if (!existsSync(this.#file(name, "json"))) return;
    const { pid } = this.#running(name);
    // As a container's end does: what runs in it ends with it.
    if (isRunning(pid)) killTree(pid);
    while (isRunning(pid)) await Bun.sleep(1);
    for (const kind of ["json", "owner", "s"]) rmSync(this.#file(name, kind), { force: true });
    rmSync(join(this.folder, `${name}-output`), { recursive: true, force: true });
  }

  async whyGone({ name }: SandboxRef) {
    if (existsSync(this.#file(name, "json")) && isRunning(this.#running(name).pid)) return undefined;
    return { text: "its container was removed or killed from outside", outOfMemory: false };
  }

  async sweep(): Promise<string[]> {
    const left = this.#names().filter(
      (name) => !this.#isAlive(this.#owner(name)) && !isRunning(this.#running(name).pid),
    );
    for (const name of left) await this.remove({ name });
    return left;
  }

  /** From now on this server counts as killed: what it keeps is without a keeper. */
  abandon(): void {
    rmSync(join(this.folder, "alive", this.#id), { force: true });
  }

  /** Ends everything in the folder. */
  async close(): Promise<void> {
    await Promise.all(this.#names().map((name) => this.remove({ name })));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #names(): string[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder).flatMap((file) => (file.endsWith(".json") ? [file.slice(0, -".json".length)] : []));
  }

  #running(name: string): Running {
    return JSON.parse(readFileSync(this.#file(name, "json"), "utf8")) as Running;
  }

  #owner(name: string): string {
    const file = this.#file(name, "owner");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  #isAlive(owner: string): boolean {
    return owner !== "" && existsSync(join(this.folder, "alive", owner));
  }

  #file(name: string, kind: string): string {
    return join(this.folder, `${name}.${kind}`);
  }
}
