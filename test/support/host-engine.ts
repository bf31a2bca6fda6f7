/**
 * The one fake engine: its sandboxes are real agents, but plain processes of this host instead of containers. It is
 * admitted because it passes the contract suite that Podman's engine passes (test/contract/engine.test.ts).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PodexecError } from "../../src/errors.ts";
import { imageMissing } from "../../src/podman/images.ts";
import { connectUnix } from "../../src/podman/socket.ts";
import type { Engine, SandboxInfo, SandboxSpec } from "../../src/sandbox/engine.ts";

const AGENT = join(
  import.meta.dir,
  "../../images/agent/build",
  process.arch === "arm64" ? "agent-aarch64" : "agent-x86_64",
);

interface Running {
  process: Bun.Subprocess;
  spec: SandboxSpec;
  createdAt: Date;
}

export class HostEngine implements Engine {
  readonly #folder = mkdtempSync(join(tmpdir(), "podexec-test-host-"));
  readonly #running = new Map<string, Running>();
  created = 0;

  async create(spec: SandboxSpec, name: string): Promise<{ name: string }> {
    if (spec.image.includes("no-such")) throw imageMissing(spec.image);
    const flags = ["--lease", String(spec.leaseMs), "--spill-dir", join(this.#folder, `${name}-output`)];
    const process = Bun.spawn([AGENT, "serve", "--socket", this.#socket(name), ...flags], {
      cwd: this.#folder,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: this.#folder, LANG: "C.UTF-8", ...spec.env },
      stdio: ["ignore", "ignore", "ignore"],
    });
    this.created++;
    this.#running.set(name, { process, spec, createdAt: new Date() });
    while (
      !(await Bun.file(this.#socket(name))
        .stat()
        .catch(() => undefined))
    )
      await Bun.sleep(2);
    return { name };
  }

  async connect({ name }: { name: string }, handlers: Parameters<Engine["connect"]>[1]) {
    try {
      return await connectUnix(this.#socket(name), handlers);
    } catch (cause) {
      throw new PodexecError("SANDBOX_GONE", `sandbox ${name} cannot be reached`, { cause });
    }
  }

  async claim(): Promise<void> {}

  isClaimed(): boolean {
    return true;
  }

  async orphans(): Promise<{ name: string }[]> {
    return [];
  }

  async list(): Promise<SandboxInfo[]> {
    return [...this.#running].map(([name, { spec, createdAt }]) => {
      const owner = { id: "test", pid: process.pid, alive: true };
      return { name, state: "running", image: spec.image, createdAt, owner };
    });
  }

  async remove({ name }: { name: string }): Promise<void> {
    const running = this.#running.get(name);
    running?.process.kill("SIGKILL");
    await running?.process.exited;
    this.#running.delete(name);
  }

  async whyGone({ name }: { name: string }) {
    if (this.#running.get(name)?.process.exitCode === null && !this.#running.get(name)?.process.killed)
      return undefined;
    return { text: "its container was removed or killed from outside", outOfMemory: false };
  }

  async sweep(): Promise<string[]> {
    return [];
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.remove({ name })));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #socket(name: string): string {
    return join(this.#folder, `${name}.s`);
  }
}
