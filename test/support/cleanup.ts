/** What tests may leave on a host: taken before and after, the difference is what they left. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TEST_USER_PREFIX } from "./rootless.ts";

/** What there is, one line an item, each starting with its kind. */
export type Inventory = ReadonlySet<string>;

export interface Patience {
  /** How long to wait for what is about to end by itself, in milliseconds; default 0. */
  waitMs?: number;
  signal?: AbortSignal;
}

/** Test files share it, and only for speed; what they must take away are the sandboxes in it. */
const SHARED_TEST_FOLDER = /\/podexec-test-\d+$/;
/** The tool image is built once and stays: it is set-up, not a test's. */
const KEPT_IMAGE = "localhost/pod_exec_mcp_base:latest";

/**
 * Takes stock of everything that could be podexec's.
 *
 * @throws Error where podman does not answer
 */
export function takeInventory(): Inventory {
  return new Set([
    ...podmanItems("container", ["ps", "--all", "--external", "--format", "{{.ID}} {{.Names}}"]),
    ...podmanItems("image", ["images", "--all", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"]),
    ...podmanItems("network", ["network", "ls", "--format", "{{.ID}} {{.Name}}"]),
    ...podmanItems("volume", ["volume", "ls", "--format", "{{.Name}}"]),
    ...processes(),
    ...folders().map((path) => `folder ${path}`),
    ...linesOf("/proc/self/mounts", (line) => line.includes("podexec")).map((line) => `mount ${line}`),
    ...linesOf("/etc/passwd", (line) => line.startsWith(TEST_USER_PREFIX)).map((line) => `user ${line}`),
  ]);
}

/** What is there now and was not before; waits for what ends by itself, such as a killed server's sandboxes. */
export async function leftovers(before: Inventory, patience: Patience = {}): Promise<string[]> {
  const end = Date.now() + (patience.waitMs ?? 0);
  for (;;) {
    const left = [...takeInventory()].filter((item) => !before.has(item));
    if (left.length === 0 || Date.now() >= end || patience.signal?.aborted) return left.toSorted();
    await sleep(1000);
  }
}

function podmanItems(kind: string, args: string[]): string[] {
  const asked = spawnSync("podman", args, { encoding: "utf8", timeout: 60_000 });
  if (asked.status !== 0) throw new Error(`podman ${args.join(" ")} failed: ${asked.error ?? asked.stderr}`);
  const lines = asked.stdout.split("\n").filter((line) => line.trim() !== "" && !line.endsWith(` ${KEPT_IMAGE}`));
  return lines.map((line) => `${kind} ${line}`);
}

/** podexec's temporary files, and the sandboxes' folders in every data folder. */
function folders(): string[] {
  const temporary = [...new Set(["/tmp", tmpdir()])].flatMap((folder) =>
    entriesOf(folder).filter((path) => basename(path).startsWith("podexec")),
  );
  const dataFolders = [join(homedir(), ".local/share/podexec"), ...temporary];
  const sandboxes = dataFolders.flatMap((folder) => entriesOf(join(folder, "sandboxes")));
  return [...temporary.filter((path) => !SHARED_TEST_FOLDER.test(path)), ...sandboxes];
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function linesOf(file: string, wanted: (line: string) => boolean): string[] {
  return readFileSync(file, "utf8").split("\n").filter(wanted);
}

/** Every podexec and every agent, in sandboxes too: the kernel shows them all in /proc. */
function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const program = programOf(pid);
      return /^(podexec|agent)\b/.test(program) ? [`process ${pid} ${program}`] : [];
    });
}

function programOf(pid: string): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ""));
  } catch {
    return "";
  }
}
