/** Compose files as they are read and planned: pure, no Podman. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import type { Adaptation } from "../../src/podman/adaptation.ts";
import { HostFiles } from "../../src/podman/compose/files.ts";
import { startOrder } from "../../src/podman/compose/order.ts";
import { planUp, type PlanRequest } from "../../src/podman/compose/plan.ts";
import { publishOf } from "../../src/podman/compose/ports.ts";
import { projectName, readCompose } from "../../src/podman/compose/read.ts";
import { composeSchema } from "../../src/podman/compose/schema.ts";
import { interpolate, parseEnvFile } from "../../src/podman/compose/variables.ts";
import { milliseconds, size, splitWords } from "../../src/podman/compose/words.ts";
import { STRICT } from "../../src/podman/manage/policy.ts";

const folder = mkdtempSync(join(tmpdir(), "podexec-compose-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const adaptation: Adaptation = {
  globalArgs: [],
  runArgs: ["--ulimit", "nofile=1:1"],
  network: "bridge",
  selinux: false,
  remote: false,
  limits: { memory: true, cpus: true, pids: false },
  says: [],
  lacks: [],
};

function plan(text: string, changes: Partial<PlanRequest> & { env?: Record<string, string> } = {}) {
  const { env = {}, ...request } = changes;
  writeFileSync(join(folder, "compose.yml"), text);
  const files = new HostFiles([folder]);
  const read = readCompose({ file: "compose.yml", base: folder, projectName: "p", env }, files);
  return planUp(read, { policy: { ...STRICT, mounts: [folder] }, adaptation, ...request });
}
const optionsOf = (service: Record<string, unknown>, changes = {}) =>
  plan(JSON.stringify({ services: { a: { image: "i", ...service } } }), changes).services[0]?.options ?? [];

/** The values behind a flag. */
const valuesOf = (options: readonly string[], flag: string) => options.filter((_, at) => options[at - 1] === flag);

describe("variables", () => {
  const variables = { A: "a", EMPTY: "" };
  test.each([
    ["$A ${A} $$A", "a a $A"],
    ["${EMPTY:-d} ${EMPTY-d} ${NONE-d}", "d  d"],
    ["${A:+x}${EMPTY:+x}${EMPTY+y}${NONE+z}", "xy"],
    ["${NONE:-${A}-${NONE:-deep}}", "a-deep"],
    ["${NONE:-{}}", "{}"],
  ])("%p becomes %p [podman-tools.compose-read]", (text, expected) => {
    expect(interpolate(text, { variables, missing: () => {} })).toBe(expected);
  });

  test.each(["${", "${A", "${A!b}", "$", "${NONE:?say so}", "${1}"])(
    "%p is refused [podman-tools.compose-read]",
    (text) => {
      expect(() => interpolate(text, { variables, missing: () => {} })).toThrow(/wrong variable|say so/);
    },
  );

  test("those without a value are told, and names of objects' own are none [podman-tools.compose-read]", () => {
    const missing: string[] = [];
    expect(interpolate("$constructor${toString}", { variables, missing: (name) => missing.push(name) })).toBe("");
    expect(missing).toEqual(["constructor", "toString"]);
  });

  test("nesting without end is refused [podman-tools.compose-read]", () => {
    const deep = "${X:-".repeat(50) + "}".repeat(50);
    expect(() => interpolate(deep, { variables, missing: () => {} })).toThrow(/nested/);
  });

  test("an env file has comments, quotes, lines and earlier values [podman-tools.compose-read]", () => {
    const text = [
      "# comment",
      "export A=1 # why",
      "B='$A #'",
      'C="$A\\n\\$A"',
      "D=${A}x",
      'E="two',
      'lines"',
      "F",
      "G=",
      "H",
    ].join("\r\n");
    expect(parseEnvFile(text, "f", { F: "outer" })).toEqual({
      A: "1",
      B: "$A #",
      C: "1\n$A",
      D: "1x",
      E: "two\nlines",
      F: "outer",
      G: "",
    });
    expect(() => parseEnvFile("ok=1\nnot this", "f.env")).toThrow("f.env: line 2");
  });
});

describe("words", () => {
  test("a command line is split as a shell does [podman-tools.compose-read]", () => {
    expect(splitWords(`sh -c "echo \\"a b\\" $X" '' a'b'"c" d\\ e`, "w")).toEqual([
      "sh",
      "-c",
      'echo "a b" $X',
      "",
      "abc",
      "d e",
    ]);
    expect(() => splitWords("sh -c 'open", "services.a.command")).toThrow("services.a.command: a quote");
  });

  test("durations and sizes have units [podman-tools.compose-read]", () => {
    expect([milliseconds("1m30s", "w"), milliseconds("1.5s", "w"), milliseconds("500ms", "w")]).toEqual([
      90_000, 1500, 500,
    ]);
    expect([size("64M", "w"), size("1gb", "w"), size(7, "w"), size("1.5k", "w")]).toEqual([
      "67108864",
      "1073741824",
      "7",
      "1536",
    ]);
    expect(() => milliseconds("soon", "w")).toThrow("not a duration");
    expect(() => size("much", "w")).toThrow("not a size");
  });

  test.each([
    ["8080:80", "8080:80"],
    ["80", "80"],
    ["127.0.0.1::80/UDP", "127.0.0.1::80/udp"],
    ["[::1]:8000-8001:80-81", "[::1]:8000-8001:80-81"],
    [{ target: "80", published: "8080", host_ip: "::1", protocol: "tcp" }, "[::1]:8080:80/tcp"],
    [{ target: "80" }, "80"],
  ])("the port %p is published as %p [podman-tools.compose-read]", (entry, expected) => {
    expect(publishOf(entry, "w")).toBe(expected);
  });

  test.each(["0:80", "80:0", "1-2:3", "a:b", "80:80 --privileged", "99999", "1.2.3.4.5:80:80"])(
    "the port %p is refused [podman-tools.compose-read]",
    (entry) => {
      expect(() => publishOf(entry, "services.a.ports.0")).toThrow("services.a.ports.0");
    },
  );
});

describe("the order", () => {
  const services = (all: Record<string, unknown>) => composeSchema.parse({ services: all }).services;
  test("is that of dependencies, links and shared networks [podman-tools.compose-read]", () => {
    const all = services({
      a: { depends_on: ["b"] },
      b: { links: ["c:alias"] },
      c: { network_mode: "service:d" },
      d: {},
    });
    expect(startOrder(all, [], [])).toEqual(["d", "c", "b", "a"]);
    expect(startOrder(all, ["c"], [])).toEqual(["d", "c"]);
  });

  test("a circle and an unknown service are named [podman-tools.compose-read]", () => {
    expect(() => startOrder(services({ a: { depends_on: ["b"] }, b: { depends_on: ["a"] } }), [], [])).toThrow(
      "a -> b -> a",
    );
    expect(() => startOrder(services({ a: {} }), ["constructor"], [])).toThrow("no service constructor");
  });

  test("profiles choose; a service that is asked for brings its own [podman-tools.compose-read]", () => {
    const all = services({
      a: {},
      b: { profiles: ["x"] },
      c: { profiles: ["y"], depends_on: { b: { required: false } } },
    });
    expect(startOrder(all, [], [])).toEqual(["a"]);
    expect(startOrder(all, [], ["x"])).toEqual(["a", "b"]);
    expect(startOrder(all, [], ["*"])).toEqual(["a", "b", "c"]);
    expect(startOrder(all, ["c"], [])).toEqual(["c"]);
    expect(() => startOrder(services({ a: { depends_on: ["b"] }, b: { profiles: ["x"] } }), [], [])).toThrow(
      "profiles are not active",
    );
  });
});

describe("a plan", () => {
  test("has the words of a service as options of podman [podman-tools.compose-read]", () => {
    const options = optionsOf({
      entrypoint: "/run it",
      environment: { A: 1, B: true, C: null },
      healthcheck: { test: ["CMD", "a", "b"], interval: "1m", retries: "3" },
      extra_hosts: { h: "1.2.3.4" },
      ulimits: { nofile: { soft: 1, hard: 2 } },
      stop_grace_period: "1m30s",
      user: 1000,
    });
    expect(valuesOf(options, "--entrypoint")).toEqual(['["/run","it"]']);
    expect(valuesOf(options, "--env")).toEqual(["A=1", "B=true"]);
    expect(valuesOf(options, "--health-cmd")).toEqual(['["a","b"]']);
    expect(valuesOf(options, "--health-interval")).toEqual(["60000ms"]);
    expect(valuesOf(options, "--add-host")).toEqual(["h:1.2.3.4"]);
    expect(valuesOf(options, "--ulimit")).toEqual(["nofile=1:1", "nofile=1:2"]);
    expect([valuesOf(options, "--stop-timeout"), valuesOf(options, "--user")]).toEqual([["90"], ["1000"]]);
  });

  test("mounts in every form, and paths stay what they are [podman-tools.compose-read]", () => {
    mkdirSync(join(folder, "a,b"), { recursive: true });
    const volumes = ["v:/v:ro", "./a,b:/x", "/anonymous", { type: "tmpfs", target: "/t", tmpfs: { size: "1m" } }];
    const text = JSON.stringify({ services: { a: { image: "i", volumes } }, volumes: { v: null } });
    const { services, volumes: planned } = plan(text);
    expect(valuesOf(services[0]?.options ?? [], "--mount")).toEqual([
      "type=volume,src=p_v,dst=/v,ro=true",
      `type=bind,"src=${folder}/a,b",dst=/x`,
      "type=volume,dst=/anonymous",
      "type=tmpfs,dst=/t,tmpfs-size=1048576",
    ]);
    expect(planned.map(({ name }) => name)).toEqual(["p_v"]);
  });

  test("changes its hash with what a container is made from, and with nothing else [podman-tools.compose-again]", () => {
    const hash = (service: object, changes = {}) =>
      plan(JSON.stringify({ services: { a: { image: "i", ...service } } }), changes).services[0]?.hash;
    expect(hash({})).toBe(hash({}, { adaptation: { ...adaptation, runArgs: [] } }));
    expect(hash({ command: "a" })).not.toBe(hash({ command: "b" }));
    expect(hash({ depends_on: {} })).toBe(hash({}));
  });

  test("tells every key that is left out, by its path [podman-tools.compose-read]", () => {
    const told = plan(
      JSON.stringify({
        "x-mine": { any: 1 },
        services: {
          a: {
            image: "i",
            logging: {},
            "x-own": 1,
            healthcheck: { test: "true", start_interval: "1s" },
            pids_limit: 5,
            scale: 3,
          },
          b: {
            image: "i",
            build: undefined,
            environment: { logging: "no key" },
            ports: [{ target: 80, app_protocol: "http", what: 1 }],
          },
        },
        networks: { default: { ipam: { options: {} } } },
      }),
    ).unsupported;
    expect(told).toContain("services.a.logging");
    expect(told).toContain("services.a.healthcheck.start_interval");
    expect(told).toContain("services.b.ports.0.what");
    expect(told).toContain("networks.default.ipam.options");
    expect(told).toContain("services.a: this host's Podman cannot limit pids");
    expect(told).toContain("services.a: 3 replicas; one is started");
    expect(told).toHaveLength(6);
  });

  test("a wrong type is named by its place [podman-tools.compose-read]", () => {
    expect(() => plan("services: { a: { image: i, ports: 80 } }")).toThrow("services.a.ports");
    expect(() => plan("services: {}")).toThrow("there is no service");
    expect(() => plan("- a")).toThrow("the file");
    expect(() => plan("services: { a: { image: i } }\nservices: {}")).toThrow("is not YAML");
  });

  test("references that grow without end are refused [podman-tools.compose-read]", () => {
    const lines = ["x-0: &x0 [a, a, a, a, a, a, a, a, a, a]"];
    for (let i = 1; i < 9; i++)
      lines.push(`x-${i}: &x${i} [${Array.from({ length: 10 }, () => `*x${i - 1}`).join(", ")}]`);
    expect(() => plan(`${lines.join("\n")}\nservices: { a: { image: i } }\n`)).toThrow(/not YAML.*alias/i);
  });

  test("a name of a project is Docker's [podman-tools.compose-read]", () => {
    expect(projectName(undefined, "/x/My App.v2")).toBe("myappv2");
    expect(() => projectName("Upper", "")).toThrow("name of a project");
    expect(() => projectName(undefined, "/")).toThrow("name of a project");
  });
});

test("files are read below allowed folders only [podman-tools.compose-policy]", () => {
  mkdirSync(join(folder, "inner"), { recursive: true });
  writeFileSync(join(folder, "secret"), "x");
  symlinkSync(join(folder, "secret"), join(folder, "inner/link"));
  const files = new HostFiles([join(folder, "inner"), "/"]);
  const codeOf = (path: string) => {
    try {
      return files.find(path, join(folder, "inner"), "w");
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect(
    ["../secret", "link", "/etc/hostname", "/no/such", "../innerx", "none", "none/../../secret"].map(codeOf),
  ).toEqual(["REFUSED", "REFUSED", "REFUSED", "REFUSED", "REFUSED", "FILE_NOT_FOUND", "REFUSED"]);
});
