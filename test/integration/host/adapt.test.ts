import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHost } from "../../../src/commands/host.ts";
import { Podman } from "../../../src/podman/client.ts";
import type { Adaptation, HostFacts } from "../../../src/podman/adaptation.ts";
import { environment } from "../../../src/runtime.ts";
import { adapt, firstAdaptation, readFacts } from "../../../src/podman/host.ts";
import { quiet } from "../../support/sandboxes.ts";

const folder = mkdtempSync(join(tmpdir(), "podexec-test-adapt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A podman that answers as a real one did, and writes down how it was called. */
function fakePodman(script: string): string {
  const path = join(folder, `podman-${Math.random().toString(36).slice(2)}`);
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$*" >> "${path}.calls"\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const facts: HostFacts = {
  info: {
    host: {
      arch: "amd64",
      cgroupManager: "systemd",
      cgroupVersion: "v2",
      cgroupControllers: ["cpu", "memory", "pids"],
      networkBackend: "netavark",
      serviceIsRemote: false,
      security: { rootless: false, selinuxEnabled: false },
    },
    version: { Version: "4.3.1" },
  },
  ulimits: { nofile: 1024, nproc: 512 },
};

/** Fails as Podman does until the adaptation has what each failure asks for. */
async function adaptTo(failures: [needs: string, says: string][]): Promise<Adaptation> {
  return adapt(facts, async (adaptation) => {
    const flags = [...adaptation.globalArgs, ...adaptation.runArgs].join(" ");
    const failure = failures.find(([needs]) => !flags.includes(needs));
    if (failure) throw new Error(failure[1]);
  });
}

const RLIMIT_RUNC =
  "runc create failed: unable to start container process: error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted";
const RLIMIT_CRUN = "crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied";
const HYBRID = "OCI runtime error: crun: cgroups in hybrid mode not supported, drop all controllers from cgroupv2";
const NO_SYSTEMD = "sd-bus call: Interactive authentication required.: Permission denied";

test.each([
  ["lower ulimits under runc", [["nofile=1024:1024", RLIMIT_RUNC]]],
  ["lower ulimits under crun", [["nproc=512:512", RLIMIT_CRUN]]],
  ["runc on hybrid cgroups", [["--runtime runc", HYBRID]]],
  ["cgroupfs without systemd", [["--cgroup-manager cgroupfs", NO_SYSTEMD]]],
  [
    "all three at once",
    [
      ["nofile", RLIMIT_CRUN],
      ["--runtime runc", HYBRID],
      ["cgroupfs", NO_SYSTEMD],
    ],
  ],
] as [string, [string, string][]][])("podexec adapts by itself: %s [host.adapts]", async (_, failures) => {
  const adaptation = await adaptTo(failures);
  expect(adaptation.says).toHaveLength(failures.length);
});

test("a Podman that needs nothing gets no flags [host.adapts]", async () => {
  expect(await adaptTo([])).toMatchObject({ globalArgs: [], runArgs: [], says: [], network: "bridge" });
});

test.each([
  ["cannot find UID/GID for user test: no subuid ranges found", "usermod --add-subuids"],
  ["error: open /dev/net/tun: permission denied", "chmod 666 /dev/net/tun"],
  ["could not find slirp4netns, the network namespace can't be configured", "apt-get install slirp4netns"],
  ["netavark: code: 3, msg: modprobe: iptables v1.8: not found", "apt-get install iptables"],
  ["write /var/lib/containers/x: no space left on device", "podman system df"],
  ["Cannot connect to Podman. unable to connect to Podman socket: connection refused", "podman system service"],
])("where nothing works the cause and its mend are named: %p [host.cause]", async (says, mend) => {
  const problem = await adaptTo([["--impossible", says]]).catch((error: unknown) => error);
  expect(problem).toMatchObject({ code: "PODMAN_UNUSABLE", hint: expect.stringContaining(mend) });
});

test("an unknown failure comes through in Podman's own words [host.cause]", async () => {
  expect(adaptTo([["--impossible", "flux capacitor misaligned"]])).rejects.toThrow("flux capacitor misaligned");
});

test("limits that a rootless Podman cannot set are left out, and it is said [host.limits]", () => {
  const host = { ...facts.info.host, cgroupVersion: "v1", security: { rootless: true, selinuxEnabled: true } };
  const adaptation = firstAdaptation({ ...facts, info: { ...facts.info, host } });
  expect(adaptation.limits).toEqual({ memory: false, cpus: false, pids: false });
  expect(adaptation).toMatchObject({ selinux: true, network: "slirp4netns:allow_host_loopback=false" });
  expect(adaptation.lacks.join()).toContain("cannot limit memory, cpus, pids");
});

test("no podman in PATH is one clear error [start.no-podman]", async () => {
  const missing = new Podman({ program: join(folder, "nowhere") });
  expect(readFacts(missing)).rejects.toMatchObject({ code: "PODMAN_MISSING", hint: expect.stringContaining("PATH") });
});

test("a podman that is too old is one clear error [start.old-podman]", async () => {
  const old = { ...facts.info, version: { Version: "3.4.4" } };
  const podman = new Podman({ program: fakePodman(`echo '${JSON.stringify(old)}'`) });
  expect(readFacts(podman)).rejects.toMatchObject({
    code: "PODMAN_TOO_OLD",
    message: expect.stringContaining("3.4.4"),
  });
});

test("a podman that prints nonsense or hangs is an error, not a crash [podman.hostile]", async () => {
  const nonsense = new Podman({ program: fakePodman("echo '{\"host\": 7}'") });
  expect(readFacts(nonsense)).rejects.toMatchObject({ code: "PODMAN_ERROR" });
  const hanging = new Podman({ program: fakePodman("exec sleep 60") });
  expect(hanging.run(["info"], { timeoutMs: 200 })).rejects.toThrow(/did not answer within 0.2 s/);
});

test("real Podman on this host is adapted to once and remembered [host.trial]", async () => {
  const { signal } = new AbortController();
  const options = {
    signal,
    program: "podman",
    environment: environment(),
    network: "internet" as const,
    dataFolder: join(folder, "data"),
    log: quiet,
  };
  const first = await openHost(options);
  const remembered = JSON.parse(readFileSync(join(folder, "data/host.json"), "utf8")) as { adaptation: Adaptation };
  expect(remembered.adaptation).toEqual(first.adaptation);
  const before = performance.now();
  expect((await openHost(options)).adaptation).toEqual(first.adaptation);
  expect(performance.now() - before).toBeLessThan(100);
}, 60_000);
