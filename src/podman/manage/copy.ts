/** Files into, out of and between containers. */
import { PodexecError } from "../../errors.ts";
import { containerName, containerPath, quoted } from "./names.ts";
import type { PodmanManager } from "./manager.ts";
import { hostPath } from "./policy.ts";

const COPYING_MS = 600_000;

/**
 * Copies a file or a folder.
 *
 * @param source, destination `CONTAINER:/path`, or an absolute path of the host that the operator allows
 * @throws PodexecError INVALID_PARAMS, REFUSED, CONTAINER_NOT_FOUND, FILE_NOT_FOUND, ...
 */
export async function copy(
  manager: PodmanManager,
  { source, destination }: { source: string; destination: string },
  signal: AbortSignal,
): Promise<void> {
  const [from, to] = [parse("source", source), parse("destination", destination)];
  if (from.container === undefined && to.container === undefined) {
    throw new PodexecError("INVALID_PARAMS", "neither source nor destination is in a container: write CONTAINER:/path");
  }
  const places = [await place(manager, from, signal), await place(manager, to, signal)];
  try {
    await manager.must(["cp", "--", ...places], { signal, timeoutMs: COPYING_MS });
  } catch (error) {
    throw asFileError(error);
  }
}

interface Place {
  container?: string;
  path: string;
}

function parse(field: string, text: string): Place {
  if (text.startsWith("/")) return { path: containerPath(field, text) };
  const colon = text.indexOf(":");
  if (colon < 1)
    throw new PodexecError("INVALID_PARAMS", `${field}: ${quoted(text)} is neither CONTAINER:/path nor /path`);
  return { container: containerName(text.slice(0, colon)), path: containerPath(field, text.slice(colon + 1)) };
}

async function place(manager: PodmanManager, { container, path }: Place, signal: AbortSignal): Promise<string> {
  // Also of a remote Podman the program that copies runs here.
  if (container === undefined) return hostPath(manager.policy, path);
  return `${(await manager.target(container, signal)).id}:${path}`;
}

function asFileError(error: unknown): unknown {
  const missing = error instanceof PodexecError && /could not be found|no such file/i.test(error.message);
  if (!missing || !(error instanceof PodexecError)) return error;
  return new PodexecError("FILE_NOT_FOUND", error.message, {
    ...(error.details === undefined ? {} : { details: error.details }),
    cause: error,
  });
}
