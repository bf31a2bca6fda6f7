import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { isLoopback, loadServeConfig, type Flags } from "../../src/config.ts";
import { PodexecError } from "../../src/errors.ts";
import { options, variablesOf, type OptionName } from "../../src/options.ts";

const TOKEN = "0123456789abcdef-secret";

/** Loads from flags, variables and the one file `podexec.yaml`. */
function load(flags: Flags = {}, environment: Record<string, string> = {}, yaml = "") {
  const withFile = yaml ? { config: "some/podexec.yaml", ...flags } : flags;
  return loadServeConfig(withFile, environment, (path) => {
    if (path === "some/podexec.yaml") return yaml;
    if (path.endsWith("/token")) return `${TOKEN}\n`;
    throw new Error(`ENOENT: ${path}`);
  });
}

function refusal(...sources: Parameters<typeof load>): PodexecError {
  try {
    load(...sources);
  } catch (error) {
    if (error instanceof PodexecError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("without anything every option has its default [config.order]", () => {
  const { config, origins } = load();
  expect(config).toMatchObject({ transport: "http", host: "127.0.0.1", port: 8000, memory: 2 ** 31, cpus: 2, pool: 1 });
  expect(config).toMatchObject({ timeout: 600_000, idleTimeout: 1_800_000, lease: 60_000, pidsLimit: 512, env: {} });
  expect(config).toMatchObject({ outputLimit: 262_144, bodyLimit: 4_194_304, workspace: undefined, insecure: false });
  expect(new Set(Object.values(origins))).toEqual(new Set(["default"]));
});

test("each stronger source goes before the weaker, and is named [config.order]", () => {
  const yaml = "# ports\n\nport: 9001\n";
  const from = (flags: Flags, environment: Record<string, string>, file = "") => {
    const { config, origins } = load(flags, environment, file);
    return [config.port, origins.port];
  };
  expect(from({}, {}, yaml)).toEqual([9001, "podexec.yaml:3"]);
  expect(from({}, { MCP_PORT: "9002" }, yaml)).toEqual([9002, "MCP_PORT"]);
  expect(from({}, { MCP_PORT: "9002", PODEXEC_PORT: "9003" }, yaml)).toEqual([9003, "PODEXEC_PORT"]);
  expect(from({ port: "0" }, { PODEXEC_PORT: "9003" }, yaml)).toEqual([0, "--port"]);
});

test("an empty variable and an empty key are as good as none [config.order]", () => {
  expect(load({}, { MCP_PORT: "", PODEXEC_HOST: "" }, "port:\nhost: localhost\n").config).toMatchObject({
    port: 8000,
    host: "localhost",
  });
});

test("a file has every kind of value in YAML's own way [config.order]", () => {
  const yaml =
    "cpus: 1.5\nbuild: true\nenv: { A: b=c, N: 3 }\nallow-host: [a.example, b.example]\nallow-origin: https://c.example\n";
  expect(load({}, {}, yaml).config).toMatchObject({
    cpus: 1.5,
    build: true,
    env: { A: "b=c", N: "3" },
    allowHost: ["a.example", "b.example"],
    allowOrigin: ["https://c.example"],
  });
});

test("lists in variables: hosts by comma, variables by line [config.order]", () => {
  const { config } = load({}, { PODEXEC_ALLOW_HOST: "a.example, b.example", PODEXEC_ENV: "A=1,2\nB=3" });
  expect(config).toMatchObject({ allowHost: ["a.example", "b.example"], env: { A: "1,2", B: "3" } });
});

test.each(Object.keys(options) as OptionName[])("the option %p is described and has a variable of its name", (name) => {
  expect(options[name].help.length).toBeGreaterThan(5);
  expect(options[name].schema.description).toBeTruthy();
  expect(variablesOf(name)[0]).toBe(`PODEXEC_${name.toUpperCase().replaceAll("-", "_")}`);
});

test.each([
  ['--port: "80x" is not a whole number from 0 to 65535', { port: "80x" }, {}],
  ['--port: "65536" is not a whole number from 0 to 65535', { port: "65536" }, {}],
  ['--port: "1.5" is not a whole number from 0 to 65535', { port: "1.5" }, {}],
  ['--memory: "0" is not a size from 16m to 1t, such as 512m or 2g', { memory: "0" }, {}],
  ['--timeout: "10" is not a duration from 1s to 24d, such as 90s, 10m or 1h30m', { timeout: "10" }, {}],
  ['--cpus: "" is not a number from 0.01 to 1024', { cpus: "" }, {}],
  ['MCP_PORT (port): "http" is not a whole number from 0 to 65535', {}, { MCP_PORT: "http" }],
  ['PODEXEC_TRANSPORT (transport): "htp" is not one of http, stdio', {}, { PODEXEC_TRANSPORT: "htp" }],
  ['PODEXEC_BUILD (build): "maybe" is not one of true, false, yes, no, on, off, 1, 0', {}, { PODEXEC_BUILD: "maybe" }],
  [
    '--allow-origin: "https://a/b" is not an origin such as https://example.org:8443',
    { "allow-origin": ["https://a/b"] },
    {},
  ],
  [
    '--allow-host: "//a" is not a host name or address, such as example.org or example.org:8000',
    { "allow-host": ["//a"] },
    {},
  ],
  ["pool (5, --pool) is more than max-sandboxes (2)", { pool: "5", "max-sandboxes": "2" }, {}],
] as [string, Flags, Record<string, string>][])("refused: %s [config.errors]", (message, flags, environment) => {
  expect(refusal(flags, environment)).toMatchObject({ code: "INVALID_CONFIG", message });
});

test("several mistakes are told at once [config.errors]", () => {
  const { message, details } = refusal({ port: "x" }, { PODEXEC_CPUS: "y" });
  expect(message).toStartWith("--port:");
  expect(details).toStartWith("PODEXEC_CPUS (cpus):");
});

test.each([
  ["\nmemroy: 3g\n", 'podexec.yaml:2: there is no option "memroy"', "Did you mean memory?"],
  ["port: 80\nport: 81\n", "some/podexec.yaml:2: Map keys must be unique", undefined],
  ["port: [80\n", "some/podexec.yaml:", undefined],
  ["- port\n", "some/podexec.yaml: holds no mapping of options to values", undefined],
  ["port: *nothing\n", "some/podexec.yaml: Unresolved alias", undefined],
  ["port: {a: 1}\n", 'podexec.yaml:1 (port): {"a":1} is not a whole number', undefined],
])("the file %p is refused with its line [config.errors]", (yaml, message, hint) => {
  const error = refusal({}, {}, yaml);
  expect(error.code).toBe("INVALID_CONFIG");
  expect(error.message).toStartWith(message);
  if (hint) expect(error.hint).toBe(hint);
});

test("a file that cannot be read is named [config.errors]", () => {
  expect(refusal({ config: "none.yaml" })).toMatchObject({
    message: "the configuration file none.yaml cannot be read",
  });
});

test.each([
  ["a token in a flag", { token: "short-secret" }, {}],
  ["a token in a variable", {}, { PODEXEC_TOKEN: "has spaces secret inside" }],
  ["a sandbox's variable", { env: ["1SECRET=secret"] }, {}],
] as [string, Flags, Record<string, string>][])(
  "%s is not repeated in the refusal [config.errors]",
  (_, flags, environment) => {
    const { message, details, hint } = refusal(flags, environment);
    expect(message).toContain("the value is not");
    expect([message, details, hint].join(" ")).not.toMatch(/secret/i);
  },
);

test("an address beyond loopback needs a token, a token file or --insecure [config.open]", () => {
  const error = refusal({ host: "0.0.0.0" });
  expect(error).toMatchObject({
    code: "REFUSED",
    message: "0.0.0.0 (--host) is reachable from outside, and no token is set",
  });
  expect(error.hint).toContain("PODEXEC_TOKEN");
  expect(load({ host: "0.0.0.0" }, { PODEXEC_TOKEN: TOKEN }).config.token).toBe(TOKEN);
  expect(load({ host: "0.0.0.0", "token-file": "/etc/token" }).config.token).toBe(TOKEN);
  expect(load({ host: "0.0.0.0", insecure: true }).config.insecure).toBe(true);
  expect(load({ host: "0.0.0.0", transport: "stdio" }).config.transport).toBe("stdio");
});

test("a token and a token file together, or a file without a token, are refused [config.errors]", () => {
  expect(refusal({ "token-file": "/etc/token" }, { PODEXEC_TOKEN: TOKEN }).message).toBe(
    "PODEXEC_TOKEN and --token-file both give a token: give one",
  );
  expect(refusal({ "token-file": "/nowhere" }).message).toStartWith("--token-file: /nowhere cannot be read");
});

test.each([
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["localhost", true],
  ["::1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["127.0.0.1.example.org", false],
  ["localhost.example.org", false],
  ["192.168.0.1", false],
])("%p is loopback: %p [config.open]", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

const folder = mkdtempSync(join(tmpdir(), "podexec-config-"));
beforeAll(() => {
  for (const name of ["plain", "a:b", "c:ro"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "file"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ["plain", "plain", false],
  ["plain:ro", "plain", true],
  ["plain:rw", "plain", false],
  ["a:b", "a:b", false],
  ["a:b:ro", "a:b", true],
  ["c:ro:rw", "c:ro", false],
])("the workspace %p is %p, read-only: %p [config.workspace]", (given, name, readOnly) => {
  const expected = { path: join(folder, name), readOnly };
  expect(load({ workspace: join(folder, given) }).config.workspace).toEqual(expected);
  expect(load({ workspace: relative(process.cwd(), join(folder, given)) }).config.workspace).toEqual(expected);
});

test("~ is the home folder [config.workspace]", () => {
  expect(load({}, { PODEXEC_WORKSPACE: "~:ro" }).config.workspace).toEqual({ path: homedir(), readOnly: true });
  expect(load({ "data-dir": "~/x" }).config.dataDir).toBe(join(homedir(), "x"));
});

test.each(["file", "none", "c:ro"])("the workspace %p is refused: it is no folder [config.workspace]", (name) => {
  expect(refusal({ workspace: join(folder, name) }).message).toContain("is not a folder that exists");
});

test("the data folder is XDG's, unless that is not absolute [config.order]", () => {
  expect(load({}, { XDG_DATA_HOME: "/data" }).config.dataDir).toBe("/data/podexec");
  expect(load({}, { XDG_DATA_HOME: "data" }).config.dataDir).toBe(join(homedir(), ".local/share/podexec"));
});
