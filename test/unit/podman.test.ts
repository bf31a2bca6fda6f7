import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText, Podman } from "../../src/podman/client.ts";
import { whyGone } from "../../src/podman/gone.ts";
import { infoSchema, psSchema } from "../../src/podman/schemas.ts";

const folder = mkdtempSync(join(tmpdir(), "podexec-test-podman-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fakePodman(script: string): Podman {
  const path = join(folder, `podman-${Math.random().toString(36).slice(2)}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return new Podman({ program: path });
}

test("arguments reach podman as they are, whatever a shell would make of them [podman.no-shell]", async () => {
  const args = ["$(touch /tmp/x)", "`id`", "; rm -rf /", "a b", "", "'\"", "\n", "*"];
  const said = await fakePodman(`for a in "$@"; do printf '%s\\0' "$a"; done`).must(args);
  expect(said).toBe(args.map((arg) => `${arg}\0`).join(""));
});

test("output without end is cut off, and a podman without end is ended [podman.hostile]", async () => {
  const endless = fakePodman("exec yes");
  expect(endless.run(["ps"], { timeoutMs: 300 })).rejects.toMatchObject({ code: "PODMAN_ERROR" });
  expect(fakePodman("echo '[{'").json(["ps"], psSchema)).rejects.toMatchObject({
    code: "PODMAN_ERROR",
    message: "podman ps printed something unexpected",
  });
});

const security = { rootless: true, selinuxEnabled: false, apparmorEnabled: false, capabilities: "CAP_CHOWN" };
const V4 = { arch: "amd64", cgroupManager: "cgroupfs", cgroupVersion: "v1", cgroupControllers: null, security };
const V5 = {
  ...V4,
  pasta: { executable: "/usr/bin/pasta", version: "2025" },
  networkBackend: "netavark",
  emulated: [],
};

test.each([
  ["4.3.1", { host: { ...V4, ociRuntime: { name: "crun" } }, version: { APIVersion: "4.3.1", Version: "4.3.1" } }],
  [
    "5.6.2",
    {
      host: { ...V5, serviceIsRemote: false, ociRuntime: { name: "crun", path: "/usr/bin/crun" } },
      version: { Version: "5.6.2", BuildOrigin: "Debian" },
    },
  ],
])("what Podman %s says of itself is understood [podman.versions]", (version, said) => {
  expect(infoSchema.parse(said).version.Version).toBe(version);
});

test("a list of containers is understood, null and missing parts included [podman.versions]", () => {
  expect(psSchema.parse(null)).toEqual([]);
  const v4 = { Id: "a", Names: ["x"], Image: "i", State: "running", Created: 1, Labels: null, Pid: 7 };
  const v5 = { Id: "b", Names: ["y"], Image: "i", State: "running", Created: 1, Labels: { podexec: "1" }, Restarts: 0 };
  expect(psSchema.parse([v4, v5]).map(({ Names }) => Names[0])).toEqual(["x", "y"]);
});

test.each([
  ["4 names it Status", `{"ContainerExitCode":137,"Name":"x","Status":"died"}`],
  ["5 may name it status", `{"ContainerExitCode":137,"Name":"x","status":"died"}`],
])("an event is understood: Podman %s [podman.versions]", async (_, event) => {
  const podman = fakePodman(`[ "$1" = events ] && echo '${event}' && exit 0; exit 125`);
  expect(await whyGone(podman, "x")).toEqual({
    text: "its container was removed or killed from outside",
    outOfMemory: false,
  });
});

test("the line that says why is found among podman's log lines [podman.hostile]", () => {
  expect(errorText('time="x" level=warning msg="y"\nError: no such container\n')).toBe("no such container");
  expect(errorText("")).toBe("no reason given");
});
