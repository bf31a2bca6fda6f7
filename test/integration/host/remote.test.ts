import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { openEngine, openHost, type Host } from "../../../src/commands/host.ts";
import { environment } from "../../../src/runtime.ts";
import { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { cleanUpAfterAll, quiet, run, spec, temporaryFolder, testHost, until } from "../../support/sandboxes.ts";

cleanUpAfterAll();

const folder = temporaryFolder();
const socket = join(folder, "podman.sock");
const { signal } = new AbortController();
let service: Bun.Subprocess;
let host: Host;

/** A Podman whose client only has a socket, as on a podman machine or with CONTAINER_HOST. */
beforeAll(async () => {
  const { podman, adaptation } = await testHost();
  const argv = podman
    .withGlobalArgs(adaptation.globalArgs)
    .argv(["system", "service", "--time", "0", `unix://${socket}`]);
  service = Bun.spawn(argv, { stdio: ["ignore", "ignore", "ignore"] });
  await until("the service listens", () =>
    Bun.file(socket)
      .exists()
      .then(() => Bun.spawnSync(["test", "-S", socket]).success),
  );
  process.env["CONTAINER_HOST"] = `unix://${socket}`;
  host = await openHost({
    program: "podman",
    environment: environment(),
    network: "internet" as const,
    dataFolder: folder,
    log: quiet,
    signal,
  });
}, 60_000);

afterAll(async () => {
  delete process.env["CONTAINER_HOST"];
  service.kill();
  await service.exited;
});

test("a Podman behind a socket is recognised and adapted to [host.remote]", () => {
  expect(host.adaptation.remote).toBe(true);
  expect(host.adaptation.globalArgs).toEqual([]);
});

test("its sandboxes run commands through an exec that carries the agent's bytes [host.remote]", async () => {
  const sandbox = await Sandbox.create(openEngine(host, { dataFolder: folder, log: quiet }), spec);
  try {
    expect(await run(sandbox, "echo out; echo err >&2; exit 5")).toMatchObject({ output: "out\nerr\n", retval: 5 });
    const big = await run(sandbox, "head -c 3000000 /dev/zero | tr '\\0' z");
    expect(big).toMatchObject({ totalBytes: 3_000_000, truncated: true });
    expect(await run(sandbox, "cat", { stdin: "x".repeat(1_000_000) })).toMatchObject({ totalBytes: 1_000_000 });
    expect(await run(sandbox, "sleep 60", { timeoutMs: 200 })).toMatchObject({ why: "timed_out", survivors: 0 });
  } finally {
    await sandbox.remove();
  }
}, 60_000);

test("a command in such a sandbox cannot speak to the agent either [host.remote, safe.probes]", async () => {
  const sandbox = await Sandbox.create(openEngine(host, { dataFolder: folder, log: quiet }), spec);
  try {
    const relay = "/.podexec/agent connect --socket /.podexec/s </dev/null | head -c 1 | wc -c";
    expect((await run(sandbox, relay)).output).toEndWith("0\n");
    expect(await run(sandbox, "echo fine")).toMatchObject({ output: "fine\n" });
  } finally {
    await sandbox.remove();
  }
}, 60_000);
