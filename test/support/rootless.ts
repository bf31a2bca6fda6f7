/** An unprivileged user with everything that rootless Podman needs, made for one run of the tests and removed after. */
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { EventEmitter } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

export const TEST_USER_PREFIX = "pxt-";

/** What rootless Podman opens: fuse-overlayfs the first, slirp4netns and pasta the second. */
const DEVICES = ["/dev/fuse", "/dev/net/tun"];
/** Where programs of a user leave things outside its home. */
const SHARED_FOLDERS = ["/tmp", "/var/tmp", "/dev/shm"];
const SUBORDINATE_IDS = 65_536;

export interface TestUser {
  name: string;
  /** A read-only view of the checkout, wherever that lies. */
  checkout: string;
  /** A folder of its own for files that the caller reads. */
  home: string;
  /** The argument array that runs a command as this user, with nothing of this process's environment. */
  argv(command: readonly string[], environment?: Record<string, string>): string[];
  /** Ends its processes and removes it with all that is its. */
  remove(): Promise<void>;
}

/**
 * Makes the user. Only for root.
 *
 * @param root the checkout
 * @param image an image of this Podman that the user's own Podman gets too
 * @throws Error with what the failing program said; nothing is left then
 */
export async function createTestUser(root: string, image: string): Promise<TestUser> {
  const name = `${TEST_USER_PREFIX}${randomBytes(3).toString("hex")}`;
  // The comment is all that a later run knows of this one: whose it is, and the devices' modes.
  const comment = `podexec test ${process.pid} ${DEVICES.map(modeOf).join(" ")}`;
  must("useradd", ["--create-home", "--shell", "/bin/bash", "--comment", comment, name]);
  try {
    const user = userNamed(name);
    giveSubordinateIds(name);
    DEVICES.filter(existsSync).forEach((device) => chmodSync(device, 0o666));
    giveFolder(user.runtime, user);
    giveFolder(join(user.home, "tmp"), user);
    showCheckout(root, user.checkout);
    await copyImage(image, user.argv(["podman", "load", "--quiet"]));
    return { name, checkout: user.checkout, home: user.home, argv: user.argv, remove: () => removeTestUser(name) };
  } catch (error) {
    await removeTestUser(name);
    throw error;
  }
}

/** Removes the users of runs that are gone. Only for root. */
export async function sweepTestUsers(): Promise<void> {
  for (const line of linesOf("/etc/passwd").filter((entry) => entry.startsWith(TEST_USER_PREFIX))) {
    const [name = "", , , , comment = ""] = line.split(":");
    const pid = comment.split(" ")[2] ?? "";
    if (!existsSync(`/proc/${pid}`)) await removeTestUser(name);
  }
}

interface Account {
  uid: number;
  gid: number;
  comment: string;
  home: string;
  runtime: string;
  checkout: string;
  argv: TestUser["argv"];
}

function userNamed(name: string): Account {
  const entry = linesOf("/etc/passwd").find((line) => line.startsWith(`${name}:`));
  const [, , uid = "", gid = "", comment = "", home = ""] = (entry ?? "").split(":");
  if (!home) throw new Error(`there is no user ${name}`);
  const runtime = `/run/user/${uid}`;
  const checkout = join(home, "checkout");
  const own = {
    HOME: home,
    USER: name,
    LOGNAME: name,
    SHELL: "/bin/bash",
    PATH: `${checkout}/node_modules/.bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
    LANG: "C.UTF-8",
    TMPDIR: join(home, "tmp"),
    XDG_RUNTIME_DIR: runtime,
  };
  const argv: TestUser["argv"] = (command, environment = {}) => {
    const variables = Object.entries({ ...own, ...environment }).map(([key, value]) => `${key}=${value}`);
    return ["runuser", "-u", name, "--", "env", "-i", "-C", home, ...variables, ...command];
  };
  return { uid: Number(uid), gid: Number(gid), comment, home, runtime, checkout, argv };
}

/** useradd gives subordinate ids where the host is set up for it; elsewhere the next free range is taken. */
function giveSubordinateIds(name: string): void {
  for (const [file, flag] of [
    ["/etc/subuid", "--add-subuids"],
    ["/etc/subgid", "--add-subgids"],
  ] as const) {
    const ranges = existsSync(file) ? linesOf(file).map((line) => line.split(":")) : [];
    if (ranges.some(([owner]) => owner === name)) continue;
    const start = Math.max(100_000, ...ranges.map(([, first, count]) => Number(first) + Number(count)));
    must("usermod", [flag, `${start}-${start + SUBORDINATE_IDS - 1}`, name]);
  }
}

function giveFolder(folder: string, user: Account): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chownSync(folder, user.uid, user.gid);
}

function showCheckout(root: string, folder: string): void {
  mkdirSync(folder);
  must("mount", ["--bind", root, folder]);
  must("mount", ["-o", "remount,bind,ro", folder]);
}

async function copyImage(image: string, load: string[]): Promise<void> {
  const [program, ...args] = load as [string, ...string[]];
  const saving = spawn("podman", ["save", image], { stdio: ["ignore", "pipe", "inherit"] });
  const loading = spawn(program, args, { stdio: ["pipe", "ignore", "inherit"] });
  const [saved, loaded] = await Promise.all([
    ended(saving),
    ended(loading),
    // A side that ends early breaks the pipe; the exit statuses tell which.
    pipeline(saving.stdout, loading.stdin).catch(() => {}),
  ]);
  if (saved !== 0 || loaded !== 0)
    throw new Error(`${image} cannot be copied to the test user: podman save ended with ${saved}, load with ${loaded}`);
}

function ended(child: EventEmitter): Promise<number | null> {
  return new Promise((resolve, reject) => child.on("error", reject).on("exit", resolve));
}

async function removeTestUser(name: string): Promise<void> {
  const user = userNamed(name);
  const owned = ownedIds(name, user.uid);
  await endProcesses(owned);
  spawnSync("umount", ["--lazy", user.checkout]);
  restoreDevices(user.comment);
  // Never through a mount that could not be taken away: behind it lies the checkout.
  if (linesOf("/proc/self/mounts").some((line) => line.includes(` ${user.checkout} `)))
    throw new Error(`${user.checkout} is still mounted`);
  rmSync(user.home, { recursive: true, force: true });
  rmSync(user.runtime, { recursive: true, force: true });
  for (const path of SHARED_FOLDERS.flatMap((folder) => readdirSync(folder).map((entry) => join(folder, entry)))) {
    if (owned(lstatSync(path, { throwIfNoEntry: false })?.uid ?? -1)) rmSync(path, { recursive: true, force: true });
  }
  must("userdel", ["--force", name]);
  rmSync(`/var/mail/${name}`, { force: true });
}

/** Whether a user id is the user's, or one of those that its containers' users have on the host. */
function ownedIds(name: string, uid: number): (id: number) => boolean {
  const ranges = linesOf("/etc/subuid")
    .map((line) => line.split(":"))
    .filter(([owner]) => owner === name)
    .map(([, first, count]) => ({ first: Number(first), end: Number(first) + Number(count) }));
  return (id) => id === uid || ranges.some(({ first, end }) => id >= first && id < end);
}

async function endProcesses(owned: (id: number) => boolean): Promise<void> {
  for (let round = 0; round < 50; round++) {
    const running = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isOwned(pid, owned));
    if (running.length === 0) return;
    running.forEach((pid) => spawnSync("kill", ["-KILL", pid]));
    await sleep(100);
  }
}

function isOwned(pid: string, owned: (id: number) => boolean): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const isZombie = /^State:\s+Z/m.test(status);
    return !isZombie && owned(Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? -1));
  } catch {
    return false;
  }
}

function modeOf(device: string): string {
  return existsSync(device) ? (statSync(device).mode & 0o777).toString(8) : "none";
}

function restoreDevices(comment: string): void {
  const modes = comment.split(" ").slice(3);
  for (const [index, device] of DEVICES.entries()) {
    const mode = modes[index];
    if (mode && mode !== "none") chmodSync(device, Number.parseInt(mode, 8));
  }
}

function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").split("\n");
}

function must(program: string, args: string[]): void {
  const result = spawnSync(program, args, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${result.error ?? result.stderr}`);
}
