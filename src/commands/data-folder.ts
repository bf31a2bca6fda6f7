import { accessSync, constants, mkdirSync } from "node:fs";
import { PodexecError } from "../errors.ts";

/**
 * Makes podexec's data folder where it is missing, readable by this user only.
 *
 * @throws PodexecError INVALID_CONFIG where it cannot be made or written
 */
export function prepareDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code = "unknown" } = cause as { code?: string };
    const reason = code === "EEXIST" || code === "ENOTDIR" ? "is no folder" : `cannot be written (${code})`;
    throw new PodexecError("INVALID_CONFIG", `the data folder ${folder} ${reason}`, {
      hint: "Name a folder that this user may write, with --data-dir or PODEXEC_DATA_DIR.",
      cause,
    });
  }
}
