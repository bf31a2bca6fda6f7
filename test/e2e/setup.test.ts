import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../support/executable.ts";

const NODE = Bun.which("node") ?? "node";
const ALL_INSTALLED = `for name; do echo "$name installed"; done`;
let checkout: string;
let bin: string;

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "podexec-setup-"));
  chmodSync(checkout, 0o755);
  bin = join(checkout, "bin");
  mkdirSync(bin);
  for (const path of ["scripts", "package.json", "package-lock.json"])
    cpSync(join(ROOT, path), join(checkout, path), { recursive: true });
});

afterEach(() => rmSync(checkout, { recursive: true, force: true }));

/** Puts a program in front of the host's own: what a fresh host says is not what this one does. */
function pretend(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function setUp(options: { asNobody?: boolean; path?: string } = {}) {
  const user = process.getuid?.() === 0 && options.asNobody ? "65534" : undefined;
  const prefix = user ? ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] : [];
  const env = { ...process.env, PATH: options.path ?? `${bin}:${process.env["PATH"]}` };
  const result = Bun.spawnSync([...prefix, NODE, join(checkout, "scripts/setup.mjs"), "start"], { env });
  return { status: result.exitCode, said: result.stderr.toString(), answered: result.stdout.toString() };
}

function calls(program: string): number {
  const log = join(checkout, `${program}.log`);
  return existsSync(log) ? readFileSync(log, "utf8").split("\n").length - 1 : 0;
}

test("without root, the exact apt line names what is missing and nothing else [setup.apt-line]", () => {
  pretend("dpkg-query", `${ALL_INSTALLED} | grep -vxE '(podman|uidmap) installed'`);
  pretend("npm", `echo called >> ${checkout}/npm.log`);
  const { status, said } = setUp({ asNobody: true });
  expect(status).toBe(3);
  expect(said).toContain("\n  sudo apt-get install --no-install-recommends podman uidmap\n");
  expect(calls("npm")).toBe(0);
});

test("where all packages are installed, apt is not called [setup.again]", () => {
  pretend("dpkg-query", ALL_INSTALLED);
  pretend("apt-get", `echo called >> ${checkout}/apt-get.log`);
  pretend("npm", "exit 1");
  expect(setUp().said).toMatch(/packages: all \d+ are installed/);
  expect(calls("apt-get")).toBe(0);
});

test("a host without Debian's packages is told the programs that are missing", () => {
  const path = join(checkout, "few");
  mkdirSync(path);
  for (const name of ["test", "gcc"]) symlinkSync(Bun.which(name) ?? "", join(path, name));
  const { status, said } = setUp({ path });
  expect(status).toBe(3);
  expect(said).toContain("Not in PATH: podman, runc, newuidmap, ");
  expect(said).not.toContain(" gcc,");
});

test("a failing step says everything, and the next run tries it again [setup.again]", () => {
  pretend("dpkg-query", ALL_INSTALLED);
  pretend("npm", `echo called >> ${checkout}/npm.log; echo on stdout; echo the reason >&2; exit 7`);
  const first = setUp();
  expect(first.status).toBe(1);
  expect(first.said).toContain("npm install --no-save --no-audit --no-fund failed (status 7)\non stdout\nthe reason");
  expect(setUp().status).toBe(1);
  expect(calls("npm")).toBe(2);
});

test("programs that npm left as stubs, because it runs no install scripts, are put into place", () => {
  pretend("dpkg-query", ALL_INSTALLED);
  const modules = join(checkout, "node_modules");
  const install = (name: string) =>
    `require("fs").writeFileSync("${modules}/.bin/${name}", "#!/bin/sh\\necho 1.0.0 ${name} $*")`;
  for (const [name, script] of [
    ["bun", "install.js"],
    ["deno", "install.cjs"],
  ] as const) {
    mkdirSync(join(modules, name), { recursive: true });
    writeFileSync(join(modules, name, script), install(name));
  }
  pretend(
    "npm",
    `cd ${checkout}; mkdir -p node_modules/.bin; for p in bun deno; do printf '#!/bin/sh\\nexit 1\\n' > node_modules/.bin/$p; chmod 755 node_modules/.bin/$p; done`,
  );
  pretend("podman", "exit 0");
  expect(setUp().said).toContain("dependencies: installed");
  expect(Bun.spawnSync([join(modules, ".bin/bun")]).stdout.toString()).toBe("1.0.0 bun\n");
  pretend("npm", "exit 1");
  expect(setUp().said).toContain("dependencies: unchanged");
});

test("changed dependencies are installed anew [setup.again]", () => {
  pretend("dpkg-query", ALL_INSTALLED);
  pretend(
    "npm",
    `echo called >> ${checkout}/npm.log; cd ${checkout}; mkdir -p node_modules/.bin; for p in bun deno; do printf '#!/bin/sh\\n' > node_modules/.bin/$p; chmod 755 node_modules/.bin/$p; done`,
  );
  pretend("podman", "exit 0");
  setUp();
  setUp();
  expect(calls("npm")).toBe(1);
  writeFileSync(join(checkout, "package-lock.json"), "{}");
  setUp();
  expect(calls("npm")).toBe(2);
});
