/** Real image builds for tests: this host's Podman, a small Debian to build on, and a registry to pull it from. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildImage, type BuiltImage } from "../../src/image/build.ts";
import { hostMirror, hostSources } from "../../src/image/mirror.ts";
import { planBuild, type BuildRequest } from "../../src/image/options.ts";
import type { Progress } from "../../src/image/progress.ts";
import { podman, testHost } from "./sandboxes.ts";

/** Names that are a test run's own. */
export function testTag(name: string): string {
  return `localhost/podexec-test-build:${name}-${process.pid}`;
}

export interface Told {
  /** Steps and notes. */
  said: string[];
  lines: string[];
}

export interface Building {
  told: Told;
  done: Promise<BuiltImage>;
}

/** Builds as `podexec build-image` does, and keeps what it tells. */
export function startBuild(request: BuildRequest, signal = new AbortController().signal): Building {
  const told: Told = { said: [], lines: [] };
  const say = (text: string) => void told.said.push(text);
  const progress: Progress = { step: say, note: say, line: (line) => void told.lines.push(line), end: () => {} };
  return { told, done: build(request, progress, signal) };
}

/** Runs a command in an image, with no network unless asked for, and returns what it prints. */
export async function runIn(
  image: string,
  command: string,
  extra: readonly string[] = ["--network=none"],
): Promise<string> {
  const { adaptation } = await testHost();
  const args = ["run", "--rm", "--pull=never", ...adaptation.runArgs, ...extra, image];
  return podman([...args, "/bin/sh", "-lc", command]);
}

/** What a build may leave: images, working containers, mounts, and temporary files of all its programs. */
export async function inventory(folder: string): Promise<Set<string>> {
  const images = await podman(["images", "--all", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]);
  const containers = await podman(["ps", "--all", "--external", "--format", "{{.Names}} {{.Image}}"]);
  const mounts = readFileSync("/proc/self/mounts", "utf8");
  return new Set([
    ...images.split("\n").filter((line) => /^<none>|podexec-build|podexec-test-build/.test(line)),
    ...containers.split("\n").filter((line) => /working-container|podexec-build|podexec-test-build/.test(line)),
    ...mounts.split("\n").filter((line) => line.includes(`${folder}/`)),
    ...temporaryFiles(folder),
  ]);
}

/** What podexec, podman, buildah and mmdebstrap keep in a folder for temporary files. */
export function temporaryFiles(folder: string): string[] {
  return readdirSync(folder).filter((name) => /^(podexec-image|buildah|mmdebstrap|podman|storage|apt)/.test(name));
}

/** Processes that have to do with a folder: they name it, have it in their environment or as their root. */
export function programsIn(folder: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const told = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8"));
      return [...told, readlinkSync(`/proc/${pid}/root`)].some((text) => text.includes(`${folder}/podexec-image-`));
    } catch {
      return false;
    }
  });
}

/** Imports the smallest Debian that has apt: the base that a registry would give. */
export async function importSmallDebian(folder: string, tag: string): Promise<void> {
  const sources = join(folder, "sources.list");
  writeFileSync(sources, hostSources(hostMirror(), "trixie"));
  const tar = join(folder, "small.tar");
  const made = spawnSync("mmdebstrap", ["--variant=apt", "trixie", tar, sources], {
    encoding: "utf8",
    timeout: 180_000,
  });
  if (made.status !== 0) throw new Error(`mmdebstrap failed: ${made.error ?? made.stderr}`);
  await podman(["import", "--quiet", tar, tag]);
}

/**
 * Serves one image as a registry does; pull only.
 *
 * @param layout a folder that `podman push IMAGE oci:FOLDER` made
 */
export function serveRegistry(layout: string, repository: string): { port: number; asked: string[]; stop(): void } {
  const blob = (digest: string) => readFileSync(join(layout, "blobs", digest.replace(":", "/")));
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as { manifests: { digest: string }[] };
  const digest = index.manifests[0]?.digest ?? "";
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const path = new URL(request.url).pathname;
      asked.push(path);
      if (path === "/v2/") return new Response("{}");
      const [, kind, name = ""] = new RegExp(`^/v2/${repository}/(manifests|blobs)/(.+)$`).exec(path) ?? [];
      if (kind === "blobs") return new Response(blob(name));
      const headers = { "content-type": "application/vnd.oci.image.manifest.v1+json", "docker-content-digest": digest };
      if (kind === "manifests" && name === "trixie-slim") return new Response(blob(digest), { headers });
      return Response.json({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] }, { status: 404 });
    },
  });
  return { port: server.port ?? 0, asked, stop: () => void server.stop(true) };
}

/** Makes this process's podmans look for docker.io on a port of this host. */
export function useRegistry(folder: string, port: number): void {
  const file = join(folder, `registries-${port}.conf`);
  writeFileSync(file, `[[registry]]\nprefix = "docker.io"\nlocation = "127.0.0.1:${port}"\ninsecure = true\n`);
  process.env["CONTAINERS_REGISTRIES_CONF"] = file;
}

async function build(request: BuildRequest, progress: Progress, signal: AbortSignal): Promise<BuiltImage> {
  const { podman: client, adaptation } = await testHost();
  const { globalArgs, runArgs } = adaptation;
  const host = { podman: client.withGlobalArgs(globalArgs), runArgs, buildArgs: runArgs };
  return buildImage({ ...planBuild(request), ...host, signal }, { progress });
}
