import { beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changedPages } from "../../scripts/build/macho.ts";
import { executable, ROOT } from "../support/executable.ts";

/** How each target's executable has to start: the kind of file, and the machine it is for. */
const MAGIC = {
  "podexec-linux-x64": (file: Buffer) => file.readUInt32BE(0) === 0x7f454c46 && file.readUInt16LE(18) === 62,
  "podexec-linux-arm64": (file: Buffer) => file.readUInt32BE(0) === 0x7f454c46 && file.readUInt16LE(18) === 183,
  "podexec-darwin-x64": (file: Buffer) => file.readUInt32LE(0) === 0xfeedfacf && file.readUInt32LE(4) === 0x01000007,
  "podexec-darwin-arm64": (file: Buffer) => file.readUInt32LE(0) === 0xfeedfacf && file.readUInt32LE(4) === 0x0100000c,
  "podexec-windows-x64.exe": (file: Buffer) =>
    file.toString("latin1", 0, 2) === "MZ" && file.readUInt16LE(file.readUInt32LE(0x3c) + 4) === 0x8664,
};
const NAMES = Object.keys(MAGIC) as (keyof typeof MAGIC)[];
const AGENT_FOLDER = join(ROOT, "images/agent");

function build(args: string[], env: Record<string, string | undefined> = process.env) {
  const result = Bun.spawnSync([process.execPath, join(ROOT, "build.ts"), ...args], { env });
  return { status: result.exitCode, said: `${result.stdout.toString()}${result.stderr.toString()}` };
}

function built(name: string): Buffer {
  return readFileSync(join(ROOT, "dist", name));
}

function versionOf(argv: string[]): unknown {
  const result = Bun.spawnSync([...argv, "version", "--json"]);
  return result.exitCode === 0 ? JSON.parse(result.stdout.toString()) : result.stderr.toString();
}

/** The emulator of Debian's qemu-user-static, or of the qemu-user that replaces it. */
function emulator(machine: string): string {
  return Bun.which(`qemu-${machine}-static`) ?? Bun.which(`qemu-${machine}`) ?? "no emulator is installed";
}

beforeAll(() => {
  expect(build(["--target", "all"])).toMatchObject({ status: 0 });
}, 300_000);

test("every target is built, for its own kind of machine [exe.targets]", () => {
  const wrong = NAMES.filter((name) => !MAGIC[name](built(name)));
  expect(wrong).toEqual([]);
});

test("every target holds both agents, byte for byte [exe.agents]", () => {
  const agents = ["agent-x86_64", "agent-aarch64"].map((name) => readFileSync(join(AGENT_FOLDER, "build", name)));
  const missing = NAMES.filter((name) => !agents.every((agent) => built(name).includes(agent)));
  expect(agents.map((agent) => agent.readUInt16LE(18))).toEqual([62, 183]);
  expect(missing).toEqual([]);
});

test("no executable holds the agent's source", () => {
  const sources = readdirSync(AGENT_FOLDER).filter((name) => name.endsWith(".c"));
  const executables = NAMES.map(built);
  const found = sources.filter((name) => {
    const start = readFileSync(join(AGENT_FOLDER, name)).subarray(0, 200);
    return executables.some((file) => file.includes(start));
  });
  expect(sources.length).toBeGreaterThan(0);
  expect(found).toEqual([]);
});

test("the executable for this host says what it is made of [exe.agents]", () => {
  expect(versionOf([executable()])).toMatchObject({
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    commit: existsSync(join(ROOT, ".git")) ? expect.stringMatching(/^[0-9a-f]{12}(-changed)?$/) : null,
    runtime: { name: "bun", version: Bun.version, compiled: true },
    agent: ["x86_64", "aarch64"],
  });
});

test("the arm64 executable runs, with the code compiled for it here [exe.targets]", () => {
  const emulated = [emulator("aarch64"), "-L", "/usr/aarch64-linux-gnu", join(ROOT, "dist/podexec-linux-arm64")];
  expect(versionOf(emulated)).toMatchObject({ platform: "linux-arm64", agent: ["x86_64", "aarch64"] });
}, 60_000);

test("the x64 executable runs on a processor without AVX [exe.targets]", () => {
  const old = [emulator("x86_64"), "-cpu", "Nehalem", join(ROOT, "dist/podexec-linux-x64")];
  expect(versionOf(old)).toMatchObject({ platform: "linux-x64" });
}, 60_000);

test("the macOS executables carry a signature that fits, which the kernel of arm64 demands [exe.targets]", () => {
  expect(changedPages(built("podexec-darwin-arm64"))).toBe(0);
  const file = built("podexec-darwin-x64");
  expect(changedPages(file)).toBe(0);
  file.writeUInt8(file.readUInt8(8_000_000) ^ 1, 8_000_000);
  expect(changedPages(file)).toBe(1);
});

test("a second build changes nothing and is quick", () => {
  const before = NAMES.map((name) => statSync(join(ROOT, "dist", name)).mtimeMs);
  const started = performance.now();
  expect(build(["--target", "all"]).said.match(/unchanged/g)).toHaveLength(5);
  expect(performance.now() - started).toBeLessThan(5000);
  expect(NAMES.map((name) => statSync(join(ROOT, "dist", name)).mtimeMs)).toEqual(before);
});

test("an unknown target is refused with the nearest one [exe.targets]", () => {
  const { status, said } = build(["--target", "linux-am64"]);
  expect(status).toBe(2);
  expect(said).toContain("did you mean linux-arm64?");
});

test("a host without the cross compiler is told the packages that bring it [exe.agents]", () => {
  const bin = join(tmpdir(), "podexec-without-cross-compiler");
  mkdirSync(bin);
  const other = process.arch === "x64" ? "gcc-aarch64-linux-gnu" : "gcc-x86-64-linux-gnu";
  try {
    symlinkSync(Bun.which("gcc") ?? "", join(bin, "gcc"));
    const { status, said } = build([], { ...process.env, PATH: bin });
    expect(status).toBe(1);
    expect(said).toContain(`apt-get install ${other} `);
  } finally {
    Bun.spawnSync(["rm", "-rf", bin]);
  }
});
