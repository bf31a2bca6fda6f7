/** Remembers what this host's Podman needs, so that only the first start pays for the trial. */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { z } from "zod";
import type { Adaptation } from "./adaptation.ts";
import { bootId } from "./labels.ts";

const FORMAT = 3;

const cacheSchema = z.object({
  key: z.string(),
  adaptation: z.object({
    globalArgs: z.array(z.string()),
    runArgs: z.array(z.string()),
    network: z.string(),
    selinux: z.boolean(),
    remote: z.boolean(),
    limits: z.object({ memory: z.boolean(), cpus: z.boolean(), pids: z.boolean() }),
    says: z.array(z.string()),
    lacks: z.array(z.string()),
  }),
});

export class AdaptationCache {
  readonly #file: string;
  readonly #key: string;

  /**
   * @param dataFolder podexec's data folder
   * @param program the podman program, a name or a path
   * @param network what the trial's sandbox could reach
   * @param environment PATH is where a name is looked for, and Podman's own variables say where it runs
   */
  constructor(dataFolder: string, program: string, network: string, environment: Readonly<Record<string, string>>) {
    this.#file = join(dataFolder, "host.json");
    // Another boot, another user or another Podman may need something else.
    const { PATH = "", CONTAINER_HOST = "", CONTAINER_CONNECTION = "" } = environment;
    const where = [network, CONTAINER_HOST, CONTAINER_CONNECTION, process.getuid?.() ?? -1];
    this.#key = JSON.stringify([FORMAT, bootId(), ...where, programMark(program, PATH)]);
  }

  read(): Adaptation | undefined {
    try {
      const cached = cacheSchema.parse(JSON.parse(readFileSync(this.#file, "utf8")));
      return cached.key === this.#key ? cached.adaptation : undefined;
    } catch {
      return undefined;
    }
  }

  write(adaptation: Adaptation): void {
    const unfinished = `${this.#file}.${process.pid}`;
    mkdirSync(join(this.#file, ".."), { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, JSON.stringify({ key: this.#key, adaptation }), { mode: 0o600 });
    renameSync(unfinished, this.#file);
  }
}

function programMark(program: string, searchPath: string): string {
  const candidates = program.includes("/")
    ? [program]
    : searchPath.split(delimiter).map((folder) => join(folder, program));
  for (const path of candidates) {
    try {
      const { mtimeMs, size } = statSync(path);
      return `${path} ${mtimeMs} ${size}`;
    } catch {
      // Not in this folder.
    }
  }
  return program;
}
