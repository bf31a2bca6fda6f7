/** The way without a registry: mmdebstrap or debootstrap makes a Debian system from packages, `podman import` takes it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PodexecError } from "../errors.ts";
import { spawn, type Child } from "../runtime.ts";
import { buildError } from "./causes.ts";
import { hostMirror, hostSources, imageSources, type Mirror } from "./mirror.ts";
import { findProgram, follow } from "./process.ts";
import { workEnvironment, type Work } from "./work.ts";

const TOOLS = ["mmdebstrap", "debootstrap"] as const;
export type BootstrapTool = (typeof TOOLS)[number];

/** The programs that can bootstrap here, the better first. */
export function bootstrapTools(): BootstrapTool[] {
  return TOOLS.filter((tool) => findProgram(tool) !== undefined);
}

/** No way to an image is left: nothing here makes a Debian system. */
export function noToolError(): PodexecError {
  return new PodexecError(
    "BUILD_FAILED",
    "neither mmdebstrap nor debootstrap is installed, which make a Debian system",
    {
      hint: "Install one: apt-get install mmdebstrap",
    },
  );
}

/**
 * Makes a Debian system with the recipe's packages and imports it under the temporary tag.
 *
 * @param tool default: the better of those that are here
 * @param mirror default: what this host's apt uses
 * @throws PodexecError BUILD_FAILED with the cause
 */
export async function bootstrap(
  work: Work,
  suite: string,
  tool: BootstrapTool | undefined = bootstrapTools()[0],
  mirror: Mirror = hostMirror(),
): Promise<void> {
  if (tool === undefined) throw noToolError();
  await writeFile(join(work.recipe.folder, "debian.sources"), imageSources(mirror, suite), { mode: 0o644 });
  work.progress.step(`Making Debian ${suite} with ${tool} (${work.recipe.packages.length} packages)`);
  const argv = tool === "mmdebstrap" ? await mmdebstrapArgv(work, suite, mirror) : debootstrapArgv(work, suite, mirror);
  const maker = spawn(inOwnMounts(argv), { env: workEnvironment(work), ownSession: true });
  await importTar(work, maker, tool);
}

async function mmdebstrapArgv(work: Work, suite: string, mirror: Mirror): Promise<[string, ...string[]]> {
  const sources = join(work.folder, "sources.list");
  const aptOptions = join(work.folder, "apt.conf");
  await writeFile(sources, hostSources(mirror, suite), { mode: 0o644 });
  await writeFile(aptOptions, await hostAptOptions(), { mode: 0o644 });
  return [
    findProgram("mmdebstrap") ?? "mmdebstrap",
    "--variant=minbase",
    "--format=tar",
    `--include=${work.recipe.packages.join(",")}`,
    `--aptopt=${aptOptions}`,
    `--customize-hook=cp -R "${work.recipe.folder}" "$1/podexec-build"`,
    `--customize-hook=chroot "$1" /bin/sh /podexec-build/customize.sh`,
    `--customize-hook=rm -rf "$1/podexec-build"`,
    suite,
    "-",
    sources,
  ];
}

function debootstrapArgv(work: Work, suite: string, mirror: Mirror): [string, ...string[]] {
  if (process.getuid?.() !== 0) {
    throw new PodexecError("BUILD_FAILED", "debootstrap works for root only", {
      hint: "As root: apt-get install mmdebstrap, which works for everybody. Or build as root.",
    });
  }
  const { folder, packages } = work.recipe;
  const keyring = mirror.keyrings[0] === undefined ? [] : [`--keyring=${mirror.keyrings[0]}`];
  return [
    ...(["/bin/sh", join(folder, "debootstrap.sh")] as const),
    ...[findProgram("debootstrap") ?? "debootstrap", folder, join(work.folder, "root"), suite],
    ...[mirror.main, packages.join(","), ...keyring],
  ];
}

/**
 * Both programs mount /proc and /sys in the new system, for root on the host itself. Where they are killed, mounts of
 * a namespace of their own end with them; elsewhere, removing the build's folder would go through them.
 */
function inOwnMounts(argv: [string, ...string[]]): [string, ...string[]] {
  return process.getuid?.() === 0 ? ["unshare", "--mount", "--propagation", "private", ...argv] : argv;
}

/** Proxies and the like: mmdebstrap does not read the host's apt.conf. customize.sh removes them from the image. */
async function hostAptOptions(): Promise<string> {
  if (findProgram("apt-config") === undefined) return "";
  const child = spawn(["apt-config", "dump"]);
  const text = await new Response(child.stdout).text();
  await child.exited;
  const wanted = /^Acquire::(https?::(?!User-Agent)|Check-Valid-Until|Check-Date|Retries)/;
  return text
    .split("\n")
    .filter((line) => wanted.test(line))
    .map((line) => `${line}\n`)
    .join("");
}

/** `podman import` sees the end of its input only after the maker has succeeded: half a system is never an image. */
async function importTar(work: Work, maker: Child, tool: string): Promise<void> {
  const { podman, recipe, signal, progress, temporaryTag } = work;
  const changes = recipe.changes.flatMap((change) => ["--change", change]);
  const args = ["import", "--quiet", ...changes, "-", temporaryTag];
  const importer = podman.start(args, { stdin: "pipe", env: workEnvironment(work) });
  const handOver = async () => {
    const following = { signal, onLine: progress.line, readStdout: false, stop: endSession };
    const [made] = await Promise.all([follow(maker, following), copy(maker.stdout, importer, maker)]);
    if (made.status === 0) progress.step("Importing the image");
    if (made.status === 0) await importer.stdin.end();
    else importer.kill("SIGKILL");
    return made;
  };
  const stop = (child: Child) => child.kill("SIGKILL");
  const [made, imported] = await Promise.allSettled([handOver(), follow(importer, { signal, onLine: () => {}, stop })]);
  if (made.status === "rejected") throw made.reason;
  if (imported.status === "rejected") throw imported.reason;
  // Killed by podexec: the maker failed by itself. Otherwise podman import ended first, and knows why.
  if (made.value.status !== 0 && imported.value.status === 137) throw buildError(tool, made.value.lines);
  if (imported.value.status !== 0) throw buildError("podman import", imported.value.lines);
}

/** mmdebstrap acts on a signal once the program that it waits for has ended: that one gets the signal too. */
function endSession(maker: Child): void {
  try {
    process.kill(-maker.pid, "SIGTERM");
  } catch {
    // It has just ended.
    maker.kill("SIGTERM");
  }
}

async function copy(tar: ReadableStream<Uint8Array>, importer: Child, maker: Child): Promise<void> {
  try {
    for await (const chunk of tar) await importer.stdin.write(chunk);
  } catch {
    maker.kill("SIGTERM");
  }
}
