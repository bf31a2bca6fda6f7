import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Podman } from "./client.ts";
import { LABEL } from "./labels.ts";

/**
 * An image with nothing in it, for a trial that must not depend on any other: the agent that is mounted into every
 * sandbox needs no files of the image.
 *
 * @param architecture the host's, as Podman names it
 * @returns its name, and a function that removes it
 */
export async function trialImage(
  podman: Podman,
  architecture: string,
  signal: AbortSignal,
): Promise<{ name: string; remove(): Promise<void> }> {
  const name = `localhost/podexec-trial:${randomBytes(6).toString("hex")}`;
  const folder = mkdtempSync(join(tmpdir(), "podexec-trial-"));
  try {
    writeFileSync(join(folder, "Containerfile"), `FROM scratch\nLABEL ${LABEL}.trial=1\n`);
    await podman.must(["build", "--quiet", "--arch", architecture, "--tag", name, folder], { signal });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { name, remove: async () => void (await podman.run(["rmi", "--force", name])) };
}
