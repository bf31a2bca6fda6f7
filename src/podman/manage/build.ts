/** Builds of images, from a text alone or from a folder of the host that the operator allows. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { PodexecError } from "../../errors.ts";
import { errorText, failedError, type RunResult } from "../client.ts";
import { failureOf } from "./failures.ts";
import { builtArgs, imageLabels } from "./images.ts";
import { imageName, quoted } from "./names.ts";
import type { PodmanManager } from "./manager.ts";
import { hostPath } from "./policy.ts";

export interface BuildWish {
  /** A folder of the host; none: the build sees no file but its recipe. */
  context?: string;
  /** The recipe's path in the context. */
  file?: string;
  /** The recipe itself. */
  containerfile?: string;
  tags: readonly string[];
  buildArgs: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  target?: string;
  noCache: boolean;
  pull: boolean;
}

export interface BuildControl {
  signal: AbortSignal;
  timeoutMs: number;
  onLine(line: string): void;
}

export interface Built {
  id: string;
  /** What the build said. */
  log: string;
}

/**
 * Builds an image.
 *
 * @throws PodexecError INVALID_PARAMS, REFUSED, IMAGE_NOT_FOUND, BUILD_FAILED with the end of what the build said
 */
export async function build(manager: PodmanManager, wish: BuildWish, control: BuildControl): Promise<Built> {
  const context = wish.context === undefined ? undefined : hostPath(manager.policy, wish.context);
  if (context === undefined && wish.containerfile === undefined) {
    throw new PodexecError("INVALID_PARAMS", "a build needs `containerfile` or `context`");
  }
  if (wish.file !== undefined && (context === undefined || wish.containerfile !== undefined)) {
    throw new PodexecError("INVALID_PARAMS", "file names a recipe in `context`, and excludes `containerfile`");
  }
  const folder = mkdtempSync(join(tmpdir(), "podexec-build-"));
  try {
    const result = await manager.run(["build", ...buildArgs(manager, wish, { context, folder })], control);
    if (result.status !== 0) throw buildError(result);
    return { id: result.stdout.trim().split("\n").at(-1) ?? "", log: logOf(result) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function buildArgs(
  manager: PodmanManager,
  wish: BuildWish,
  { context, folder }: { context: string | undefined; folder: string },
): string[] {
  return [
    ...manager.adaptation.runArgs,
    ...recipeArgs(manager, wish, { context, folder }),
    ...wish.tags.flatMap((tag) => ["--tag", imageName(tag)]),
    ...Object.entries(wish.buildArgs).map(buildArg),
    ...imageLabels(wish.labels),
    ...builtArgs,
    ...(wish.target === undefined ? [] : ["--target", stage(wish.target)]),
    ...(wish.noCache ? ["--no-cache"] : []),
    ...(wish.pull ? ["--pull-always"] : []),
    ...["--force-rm", "--", context ?? emptyIn(folder)],
  ];
}

function recipeArgs(
  manager: PodmanManager,
  { file, containerfile }: BuildWish,
  { context, folder }: { context: string | undefined; folder: string },
): string[] {
  if (containerfile !== undefined) {
    const recipe = join(folder, "Containerfile");
    writeFileSync(recipe, containerfile, { mode: 0o600 });
    return ["--file", recipe];
  }
  if (file === undefined || context === undefined) return [];
  if (isAbsolute(file)) throw new PodexecError("INVALID_PARAMS", `file: ${quoted(file)} is no path in the context`);
  return ["--file", hostPath({ ...manager.policy, mounts: [context] }, file, { base: context })];
}

/** A context without files, and without the recipe, which needs no place in it. */
function emptyIn(folder: string): string {
  return mkdtempSync(join(folder, "context-"));
}

function buildArg([name, value]: [string, string]): string {
  if (/^[a-zA-Z_]\w{0,200}$/.test(name) && !value.includes("\0")) return `--build-arg=${name}=${value}`;
  throw new PodexecError("INVALID_PARAMS", `build_args: ${quoted(name)} is no name of a variable`);
}

function stage(target: string): string {
  if (/^[a-zA-Z0-9][\w.-]{0,100}$/.test(target)) return target;
  throw new PodexecError("INVALID_PARAMS", `target: ${quoted(target)} is no name of a stage`);
}

function buildError(result: RunResult): PodexecError {
  const known = failureOf("build", result);
  if (known.code === "IMAGE_NOT_FOUND" || known.code === "REGISTRY_ERROR" || known.code === "PODMAN_NOT_CONNECTED")
    return known;
  return new PodexecError("BUILD_FAILED", `the build failed: ${errorText(result.stderr).slice(0, 600)}`, {
    details: logOf(result).slice(-4_000),
    cause: failedError(["build"], result),
  });
}

function logOf({ stdout, stderr }: RunResult): string {
  return [stdout, stderr].filter(Boolean).join("\n");
}
