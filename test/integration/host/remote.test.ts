import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { openEngine, openHost, type Host } from "../../../src/commands/host.ts";
import { thisOwner } from "../../../src/podman/labels.ts";
import { environment } from "../../../src/runtime.ts";
import { adoptOrphans } from "../../../src/sandbox/owners/adoption.ts";
import { nameOf, newHandle } from "../../../src/sandbox/handle.ts";
import { Notes } from "../../../src/sandbox/note.ts";
import { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { descendantsOf } from "../../support/process-tree.ts";
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

test("a command outlives the end of the relay that its connection runs through [host.remote, channel.resumed]", async () => {
  const sandbox = await Sandbox.create(openEngine(host, { dataFolder: folder, log: quiet }), spec);
  const relays = () =>
    descendantsOf(process.pid).filter((pid) => {
      const words = Bun.spawnSync(["cat", `/proc/${pid}/cmdline`])
        .stdout.toString()
        .split("\0");
      return words.includes("exec") && words.includes(sandbox.ref.name);
    });
  try {
    const ending = run(sandbox, "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.3; done");
    await Bun.sleep(500);
    expect(relays().length).toBeGreaterThan(0);
    for (const pid of relays()) process.kill(pid, "SIGKILL");
    expect(await ending).toMatchObject({ why: "exited", output: "1\n2\n3\n4\n5\n6\n7\n8\n" });
    expect(await run(sandbox, "echo fine")).toMatchObject({ output: "fine\n" });
  } finally {
    await sandbox.remove();
  }
}, 60_000);

test("a server that comes after a killed one finds its sandboxes there too, and asks for none that is gone [host.remote, own.restart]", async () => {
  const notes = new Notes(new Uint8Array(32).fill(1));
  const place = { dataFolder: folder, log: quiet, kind: "http" as const };
  const killed = openEngine(host, place, { ...thisOwner("killed", "http"), pid: "4194000/1" });
  const sandbox = await Sandbox.create(killed, spec);
  sandbox.keep(notes, { principal: "ann" });
  const gone = await killed.create(spec, nameOf(newHandle()));
  await run(sandbox, "echo mine > /file");
  sandbox.detach();
  await host.podman.must(["rm", "--force", "--time", "0", gone.name]);
  const next = openEngine(host, place);
  expect(await next.orphans()).toEqual([sandbox.ref]);
  const taken: Sandbox[] = [];
  expect(await adoptOrphans(next, notes, { log: quiet, onAdopted: (one) => taken.push(one) })).toBe(1);
  const [found] = taken;
  if (!found) throw new Error("not found");
  expect(await run(found, "cat /file")).toMatchObject({ output: "mine\n" });
  await found.remove();
  await next.sweep();
  expect(await next.orphans()).toEqual([]);
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
