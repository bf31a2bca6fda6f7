/** `podexec doctor` on this host, and on hosts that lack something. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { executable } from "../support/executable.ts";
import { run } from "../support/run.ts";
import { podman, toolImage } from "../support/sandboxes.ts";
import { endAfterAll, scratchFolder } from "../support/served.ts";

interface Finding {
  check: string;
  status: "ok" | "warning" | "problem";
  says: string;
  mend?: string;
}

const folder = scratchFolder();

afterAll(async () => {
  const names = (await podman(["ps", "--all", "--filter", "label=podexec=1", "--format", "{{.Names}}"])).split("\n");
  const sources = ["inspect", "--format", "{{range .Mounts}}{{.Source}} {{end}}"];
  const mounts = names.filter(Boolean).map((name) => podman([...sources, name]).catch(() => ""));
  expect((await Promise.all(mounts)).filter((text) => text.includes(folder))).toEqual([]);
  expect(readdirSync(join(folder, "sandboxes"))).toEqual([]);
});

endAfterAll();

function doctor(words: string[], status = 0, timeoutMs = 80_000) {
  return run([executable(), "doctor", "--data-dir", folder, ...words], { status, timeoutMs });
}

async function findings(words: string[], status = 0): Promise<Finding[]> {
  const { stdout } = await doctor(["--json", ...words], status);
  return (JSON.parse(stdout) as { findings: Finding[] }).findings;
}

test("on this host everything is found in order, and no attempt to break out succeeds [host.doctor, safe.probes]", async () => {
  const found = await findings([]);
  expect(found.filter(({ status }) => status === "problem")).toEqual([]);
  expect([...new Set(found.map(({ check }) => check))]).toEqual([
    "podman",
    "sandbox",
    "image",
    "agent",
    "isolation",
    "orphans",
  ]);
  const [, held, all] =
    /^(\d+) of (\d+) attempts/.exec(found.find(({ check }) => check === "isolation")?.says ?? "") ?? [];
  expect(Number(all)).toBeGreaterThan(15);
  expect(held).toBe(all as string);
}, 100_000);

test("as text it is a line for each, and what was adapted is said [host.doctor, host.adapts]", async () => {
  const { stdout } = await doctor(["--no-probes"]);
  expect(stdout).toMatch(/^ok {7}podman: Podman \d+\.\d+\.\d+, root(ful|less), cgroups v[12]$/m);
  expect(stdout).toContain(`ok       image: ${toolImage} is there\n`);
  expect(stdout).not.toContain("isolation");
}, 60_000);

test("a missing image is a problem with the command that makes it [host.doctor, start.image-missing]", async () => {
  const found = await findings(["--no-probes", "--image", "localhost/no-such:1"], 1);
  expect(found.filter(({ status }) => status === "problem")).toEqual([
    {
      check: "image",
      status: "problem",
      says: "localhost/no-such:1 is not there",
      mend: "Build it: podexec build-image --tag localhost/no-such:1",
    },
  ]);
}, 60_000);

test.each([
  [
    "echo 'Error: newuidmap: insufficient UIDs or GIDs available' >&2; exit 125",
    "subordinate user ids",
    "usermod --add-subuids",
  ],
  [
    "echo 'Error: unable to connect to Podman socket' >&2; exit 125",
    "the remote Podman does not answer",
    "podman machine start",
  ],
  ["echo garbage", "podman info printed something unexpected", ""],
])(
  "a podman that says %p is named with its mend [host.doctor, host.cause]",
  async (script, says, mend) => {
    const program = join(scratchFolder(), "podman");
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
    const [found, ...more] = await findings(["--podman", program], 1);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ check: "podman", status: "problem", says: expect.stringContaining(says) });
    expect(found?.mend ?? "").toContain(mend);
  },
  30_000,
);

test("without podman it says how to get it [host.doctor, start.no-podman]", async () => {
  const { stdout } = await doctor(["--podman", "/nonexistent/podman"], 1);
  expect(stdout).toStartWith("PROBLEM  podman: /nonexistent/podman cannot be started\n         Install Podman");
});
