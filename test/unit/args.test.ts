import { expect, test } from "bun:test";
import type { Adaptation } from "../../src/podman/adaptation.ts";
import { runArgs, type RunPlace } from "../../src/podman/args.ts";
import type { SandboxSpec } from "../../src/sandbox/engine.ts";

const spec: SandboxSpec = {
  image: "localhost/tools:1",
  network: "internet",
  memory: 2 ** 31,
  cpus: 1.5,
  pids: 99,
  env: { GREETING: "--privileged $(id)" },
  leaseMs: 60_000,
};
const place: RunPlace = {
  name: "podexec-0123456789ab",
  agentFolder: "/run/podexec",
  folder: "/data/run",
  labels: ["--label", "podexec=1"],
  blocked: ["192.0.2.1"],
  spillLimit: 1024,
};
const adaptation: Adaptation = {
  globalArgs: [],
  runArgs: ["--ulimit", "nofile=1024:1024"],
  network: "bridge",
  selinux: false,
  remote: false,
  limits: { memory: true, cpus: true, pids: true },
  says: [],
  lacks: [],
};
const joined = (changes: Partial<SandboxSpec> = {}, adapted: Partial<Adaptation> = {}) =>
  runArgs({ ...spec, ...changes }, place, { ...adaptation, ...adapted }).join(" ");

test("every capability is dropped but those that are needed, and no privilege can be gained [safe.probes]", () => {
  expect(joined()).toContain("--security-opt no-new-privileges --cap-drop all --cap-add chown");
  expect(joined()).not.toMatch(/sys_admin|--privileged(?! \$\(id\))|net_raw|mknod/);
});

test("a value from outside stands behind its flag and can be none itself [podman.no-flags]", () => {
  const args = runArgs({ ...spec, image: "--privileged" }, place, adaptation);
  expect(args[args.indexOf("--env") + 1]).toBe("GREETING=--privileged $(id)");
  expect(args[args.indexOf("--privileged") - 1]).toBe("--");
});

test("SELinux gives every mount a shared label [host.adapts]", () => {
  const workspace = { path: "/home/ann", readOnly: true };
  const args = joined({ workspace }, { selinux: true });
  expect(args).toContain("type=bind,src=/data/run,dst=/run/podexec,relabel=shared");
  expect(args).toContain("type=bind,src=/home/ann,dst=/workspace,ro=true,relabel=shared");
  expect(joined({ workspace })).not.toContain("relabel");
});

test("limits that cannot be set are left out, the others stay [host.limits]", () => {
  expect(joined()).toContain("--memory 2147483648 --memory-swap 2147483648 --cpus 1.5 --pids-limit 99");
  const left = joined({}, { limits: { memory: false, cpus: false, pids: true } });
  expect(left).toContain("--pids-limit 99");
  expect(left).not.toMatch(/--memory|--cpus/);
});

test("a folder with commas and quotes stays one field of --mount [workspace.name]", () => {
  const args = joined({ workspace: { path: '/a,dst=/etc,"b"', readOnly: false } });
  expect(args).toContain('type=bind,"src=/a,dst=/etc,""b""",dst=/workspace');
});

test("without a network none is asked for, and there is no route to lock [safe.no-network]", () => {
  expect(joined({ network: "none" })).toContain("--network none");
  expect(joined({ network: "none" })).not.toContain("--lock-network");
  expect(joined()).toContain("--lock-network --block 192.0.2.1");
});
