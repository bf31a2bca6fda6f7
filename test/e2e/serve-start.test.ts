/** What can be wrong at the start, each told in one clear line before anything listens; and what the flags do. */
import { expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { connectHttp, exec } from "../support/mcp-client.ts";
import { executable } from "../support/executable.ts";
import { run } from "../support/run.ts";
import { podman } from "../support/sandboxes.ts";
import { dataFolder, endAfterAll, ownContainers, scratchFolder, serve, serveArguments } from "../support/served.ts";

endAfterAll();

/** A program that answers as an old Podman did. */
function fakePodman(script: string): string {
  const program = join(scratchFolder(), "podman");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return program;
}

const OLD = `case "$1" in version|--version|-v) echo "podman version 3.4.4";; *) cat <<'END'
{"host": {"arch": "amd64", "security": {"rootless": false, "selinuxEnabled": false}, "cgroupVersion": "v1"},
 "version": {"Version": "3.4.4", "APIVersion": "3.4.4"}}
END
esac`;

const FAILURES: [string, number, string[], [says: string, hint: string]][] = [
  [
    "a podman that is not there",
    3,
    ["--podman", "/nonexistent/podman"],
    ["/nonexistent/podman cannot be started", "Install Podman"],
  ],
  ["a podman that is too old", 3, ["--podman", fakePodman(OLD)], ["Podman 3.4.4 is too old", "Update Podman"]],
  ["a podman that fails", 1, ["--podman", fakePodman("echo 'Error: out of luck' >&2; exit 125")], ["out of luck", ""]],
  [
    "an image that is missing",
    4,
    ["--image", "localhost/no-such:1"],
    ["localhost/no-such:1", "podexec build-image --tag localhost/no-such:1"],
  ],
  ["a port that is none", 2, ["--port", "65536"], ['--port: "65536" is not', "--help"]],
  ["a memory of nothing", 2, ["--memory", "0"], ['--memory: "0" is not', "--help"]],
  ["a workspace that is missing", 2, ["--workspace", "/no/such"], ['--workspace: "/no/such" is not', "--help"]],
  [
    "a pool above the sandboxes",
    2,
    ["--pool", "9", "--max-sandboxes", "2"],
    ["pool (9, --pool) is more than", "--help"],
  ],
];

test.each(FAILURES)(
  "%s is one clear line with status %i [cli.errors, start.no-podman, start.old-podman, start.image-missing]",
  async (_what, status, args, [says, hint]) => {
    const folder = args.includes("--podman") ? scratchFolder() : dataFolder();
    const argv = [executable(), ...serveArguments(args.includes("--port") ? args : ["--port", "0", ...args], folder)];
    const { stdout, stderr } = await run(argv, { status, timeoutMs: 30_000 });
    expect(stdout).toBe("");
    const told = stderr.split("\n").filter((line) => line.startsWith("podexec: "));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(says);
    expect(stderr).toContain(hint);
    expect(stderr).not.toMatch(/^\s+at |serves MCP|internal error/m);
  },
  40_000,
);

test("no podman in PATH is one clear line [start.no-podman]", async () => {
  const argv = [executable(), ...serveArguments(["--port", "0"], scratchFolder())];
  const { stderr } = await run(argv, { status: 3, env: { PATH: scratchFolder() } });
  expect(stderr).toStartWith("podexec: podman cannot be started\n");
});

test("over stdio a failed start says nothing on stdout [stdio.clean, start.image-missing]", async () => {
  const argv = [executable(), ...serveArguments(["--transport", "stdio", "--image", "localhost/no-such:1"])];
  const { stdout, stderr } = await run(argv, { status: 4 });
  expect(stdout).toBe("");
  expect(stderr).toContain("podexec build-image");
});

test("a port that is taken has a status of its own [start.port-in-use]", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  const argv = [executable(), ...serveArguments(["--port", String(port)])];
  const { stderr } = await run(argv, { status: 5, timeoutMs: 30_000 });
  taken.close();
  expect(stderr).toContain(`podexec: port ${port} of 127.0.0.1 is in use\n  Stop what listens there`);
}, 40_000);

test("on a host it does not know yet, it finds out what Podman needs and says so [host.trial, host.adapts]", async () => {
  const folder = scratchFolder();
  const first = await serve(["--pool", "0"], { dataFolder: folder });
  expect(first.log()).toContain("finding out what Podman needs on this host");
  await first.stop();
  const second = await serve(["--pool", "0"], { dataFolder: folder });
  expect(second.log()).not.toContain("finding out");
  expect(statSync(join(folder, "host.json")).mode & 0o077).toBe(0);
  await second.stop();
}, 90_000);

const inspection = z.tuple([
  z.object({
    HostConfig: z.object({
      Memory: z.number(),
      NanoCpus: z.number(),
      PidsLimit: z.number(),
      NetworkMode: z.string(),
      SecurityOpt: z.array(z.string()).nullable(),
      Privileged: z.boolean(),
    }),
  }),
]);

test("memory, processors, processes and network are the container's [safe.limits, safe.no-network]", async () => {
  const limits = ["--memory", "300m", "--cpus", "1.5", "--pids-limit", "99", "--network", "none", "--pool", "0"];
  const served = await serve(limits);
  const agent = await connectHttp(served.url);
  expect((await exec(agent, "ls /sys/class/net")).output).toBe("lo\n");
  const [name = ""] = await ownContainers();
  const [{ HostConfig }] = inspection.parse(JSON.parse(await podman(["inspect", name])));
  const { SecurityOpt, ...told } = HostConfig;
  expect(told).toEqual({
    Memory: 300 * 1024 ** 2,
    NanoCpus: 1.5e9,
    PidsLimit: 99,
    NetworkMode: "none",
    Privileged: false,
  });
  expect(SecurityOpt).toContain("no-new-privileges");
  await served.stop();
}, 60_000);

test.each([
  ["", "made inside"],
  [":ro", "Read-only file system"],
])(
  "--workspace PATH%s is there [workspace.mounted, workspace.read-only]",
  async (suffix, says) => {
    const folder = scratchFolder();
    writeFileSync(join(folder, "given"), "from outside\n");
    const served = await serve(["--workspace", `${folder}${suffix}`, "--pool", "0"]);
    const agent = await connectHttp(served.url);
    const { output } = await exec(agent, "cat given; echo 'made inside' > made; cat made");
    expect(output).toStartWith("from outside\n");
    expect(output).toContain(says);
    await served.stop();
    expect(readFileSync(join(folder, "given"), "utf8")).toBe("from outside\n");
  },
  60_000,
);

test("--env, --timeout and --output-limit hold for every command [exec.parameters, end.timeout, output.bounded]", async () => {
  const served = await serve([
    "--env",
    "ONE=a b",
    "--env",
    "TWO=$(id)",
    "--timeout",
    "1s",
    "--output-limit",
    "1k",
    "--pool",
    "0",
  ]);
  const agent = await connectHttp(served.url);
  expect((await exec(agent, 'echo "$ONE|$TWO"')).output).toBe("a b|$(id)\n");
  expect(await exec(agent, "sleep 20")).toMatchObject({ why: "timed_out", retval: 124 });
  const cut = await exec(agent, "seq 10000");
  expect(cut).toMatchObject({ truncated: true, total_bytes: 48_894 });
  expect(cut.output.length).toBeLessThan(1200);
  await served.stop();
}, 60_000);

test("--log-format json logs one object a line, from start to end [log.stderr]", async () => {
  const served = await serve(["--log-format", "json", "--log-level", "debug"]);
  const agent = await connectHttp(served.url);
  await exec(agent, "true");
  await served.stop();
  const lines = served
    .log()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines)
    expect(line).toMatchObject({ time: expect.any(String), level: expect.any(String), message: expect.any(String) });
}, 60_000);

test("serve --build builds the image that is missing [start.build]", async () => {
  const image = `localhost/podexec-test-build-${process.pid}:latest`;
  const folder = dataFolder();
  const argv = [executable(), ...serveArguments(["--port", "0", "--build", "--image", image, "--pool", "0"], folder)];
  const child = Bun.spawn(argv, { stdio: ["ignore", "pipe", "pipe"], timeout: 240_000, killSignal: "SIGKILL" });
  try {
    let said = "";
    for await (const chunk of child.stderr) {
      said += new TextDecoder().decode(chunk);
      if (said.includes("serves MCP")) break;
    }
    const agent = await connectHttp(/http:[^\s"]+/.exec(said.slice(said.indexOf("serves MCP")))?.[0] ?? said);
    expect((await exec(agent, "rg --version | head -c 7")).output).toBe("ripgrep");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(said).toContain(`building ${image}`);
  } finally {
    child.kill("SIGKILL");
    await podman(["rmi", "--force", image]);
  }
}, 300_000);
