/** Where the bench runs: the executable, a data folder of its own, and Podman as this host has it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHost, type Host } from "../../src/commands/host.ts";
import { createLog } from "../../src/log.ts";
import { executable } from "../support/executable.ts";
import { plainEnvironment } from "../support/run.ts";
import type { Cleanup } from "./cleanup.ts";

export interface Place {
  executable: string;
  image: string;
  /** podexec's data folder, with what it found out about the host: the trial is no part of what is measured. */
  dataFolder: string;
  environment: Record<string, string>;
  host: Host;
}

const IMAGE = "localhost/pod_exec_mcp_base:latest";

/** @throws Error where the executable is not built, PodexecError where Podman does not work */
export async function openPlace(cleanup: Cleanup, program = executable()): Promise<Place> {
  const dataFolder = mkdtempSync(join(tmpdir(), "podexec-bench-"));
  cleanup.add(() => rmSync(dataFolder, { recursive: true, force: true }));
  const { signal } = new AbortController();
  const environment = plainEnvironment();
  const options = { program: "podman", network: "internet", log: createLog("silent") } as const;
  const host = await openHost({ ...options, environment, dataFolder, signal });
  return { executable: program, image: IMAGE, dataFolder, environment, host };
}
