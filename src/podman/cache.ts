/** Remembers what this host's Podman needs, so that only the first start pays for the trial. */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { z } from "zod";
import type { Adaptation } from "./adaptation.ts";
import { bootId } from "./labels.ts";

const FORMAT = 1;

const cacheSchema = z.object({
  key: z.string(),
  adaptation: z.object({
    globalArgs: z.array(z.string()),
    runArgs: z.array(z.string()),
    network: z.string(),
    selinux: z.boolean(),
    limits: z.object({ memory: z.boolean(), cpus: z.boolean(), pids: z.boolean() }),
    says: z.array(z.string()),
  }),
});

export class AdaptationCache {
  readonly #file: string;
  readonly #key: string;

  /**
   * @param dataFolder podexec's data folder
   * @param program the podman program, a name or a path
   * @param searchPath the value of PATH
   */
  constructor(dataFolder: string, program: string, searchPath: string) {
    this.#file = join(dataFolder, "host.json");
    // Another boot, another user or another podman may need something else.
    this.#key = JSON.stringify([FORMAT, bootId(), process.getuid?.() ?? -1, programMark(program, searchPath)]);
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
