import { expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leftovers, takeInventory } from "../support/cleanup.ts";
import { sweepTestUsers } from "../support/rootless.ts";

const isRoot = process.getuid?.() === 0;

test("a folder, a process and a container that are left behind are found, and nothing once they are gone [done.clean]", async () => {
  const before = takeInventory();
  const folder = mkdtempSync(join(tmpdir(), "podexec-planted-"));
  copyFileSync("/bin/sleep", join(folder, "podexec"));
  const running = Bun.spawn([join(folder, "podexec"), "300"]);
  const { stdout } = Bun.spawnSync(["podman", "create", "--pull=never", "localhost/pod_exec_mcp_base:latest"]);
  const container = stdout.toString().trim();
  try {
    const left = (await leftovers(before)).join("\n");
    expect(left).toContain(`folder ${folder}`);
    expect(left).toContain(`process ${running.pid} podexec`);
    expect(left).toContain(`container ${container.slice(0, 12)} `);
  } finally {
    running.kill("SIGKILL");
    await running.exited;
    rmSync(folder, { recursive: true });
    Bun.spawnSync(["podman", "rm", "--force", container]);
  }
  const still = (await leftovers(before)).filter(
    (item) => item.includes(folder) || item.includes(container.slice(0, 12)),
  );
  expect(still).toEqual([]);
});

test("what ends by itself within the time is no leftover [done.clean]", async () => {
  const folder = join(tmpdir(), "podexec-planted-brief");
  const before = takeInventory();
  mkdirSync(folder);
  setTimeout(() => rmSync(folder, { recursive: true }), 300);
  const left = await leftovers(before, { waitMs: 5000 });
  expect(left.filter((item) => item.includes(folder))).toEqual([]);
}, 15_000);

test.if(isRoot)(
  "the test user of a run that was killed is removed by the next one, and the devices closed again",
  async () => {
    const modes = ["/dev/fuse", "/dev/net/tun"].map((device) =>
      existsSync(device) ? (statSync(device).mode & 0o777).toString(8) : "none",
    );
    const name = "pxt-killed";
    Bun.spawnSync(["useradd", "--create-home", "--comment", `podexec test 99999999 ${modes.join(" ")}`, name]);
    const sleeper = Bun.spawn(["runuser", "-u", name, "--", "sh", "-c", "echo runs; exec sleep 300"]);
    await sleeper.stdout.getReader().read();
    expect(existsSync(`/home/${name}`)).toBe(true);
    await sweepTestUsers();
    expect(await sleeper.exited).not.toBe(0);
    expect(readFileSync("/etc/passwd", "utf8")).not.toContain(name);
    expect(readFileSync("/etc/subuid", "utf8")).not.toContain(name);
    expect(existsSync(`/home/${name}`)).toBe(false);
  },
  30_000,
);
