/** The built podexec, as a person has it. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The checkout. */
export const ROOT = join(import.meta.dirname, "../..");

/**
 * The path of the built executable.
 *
 * @throws Error where it was not built
 */
export function executable(): string {
  const path = join(ROOT, "dist/podexec");
  if (!existsSync(path)) throw new Error("dist/podexec is missing: bun run build");
  return path;
}
