/** Who may import whom and what may stand where, as data; every rule also catches a violation planted for it. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as rules from "./support/rules.ts";
import { readSource, sourcesUnder, type SourceFile } from "./support/source.ts";

const ROOT = join(import.meta.dir, "..");
const DEPTH = 2;

/** The layers, from the top down. `types`: only `import type`, nothing is loaded. */
const LAYERS: rules.Layers = {
  main: { may: ["commands", "errors", "log"] },
  commands: {
    may: [
      "config",
      "errors",
      "http",
      "image",
      "kubernetes",
      "log",
      "mcp",
      "nearest",
      "options",
      "podman",
      "runtime",
      "sandbox",
      "templates",
      "units",
    ],
  },
  http: { may: ["errors", "mcp", "runtime"], types: ["log", "sandbox"] },
  mcp: { may: ["errors", "podman", "sandbox", "templates", "units"], types: ["log"] },
  templates: { may: ["errors", "podman", "runtime"], types: ["log"] },
  image: { may: ["errors", "podman", "runtime"], types: ["log"] },
  sandbox: { may: ["errors", "units"], types: ["log"] },
  podman: { may: ["errors", "runtime", "units"], types: ["log", "sandbox"] },
  kubernetes: { may: ["errors", "runtime", "units"], types: ["log", "sandbox"] },
  config: { may: ["config-file", "errors", "options"] },
  "config-file": { may: ["errors", "nearest"] },
  options: { may: ["log", "options-podman", "values"] },
  "options-podman": { may: ["values"] },
  values: { may: ["units"] },
  runtime: { may: ["listen"] },
  listen: { may: [] },
  log: { may: [] },
  nearest: { may: [] },
  units: { may: [] },
  errors: { may: [] },
};

/** Packages and functions that only some places import. */
const IMPORTED_BY: rules.Places = {
  "@modelcontextprotocol/sdk": ["src/mcp/", "src/http/"],
  // One file knows the server of each version of the SDK.
  "@modelcontextprotocol/sdk/server/index.js": ["src/mcp/legacy.ts"],
  "@modelcontextprotocol/server": ["src/mcp/modern.ts"],
  "@xterm/headless": ["src/sandbox/output/screen.ts"],
  citty: ["src/commands/arguments.ts"],
  "consola/core": ["src/log.ts"],
  consola: ["src/log.ts"],
  "websocket-driver": ["src/http/ports/websocket.ts"],
  yaml: ["src/config-file.ts", "src/podman/compose/read.ts", "src/podman/manage/kube.ts"],
  // Programs: podman in its client, the agent as a mount tool, mmdebstrap and debootstrap for an image.
  "src/runtime.ts#spawn": ["src/podman/client.ts", "src/podman/workspace.ts", "src/image/bootstrap.ts"],
  "node:child_process": [],
};

/** Globals that only some files name. */
const NAMED_IN: rules.Places = {
  Bun: ["src/runtime.ts"],
  Deno: ["src/runtime.ts"],
  "process.env": ["src/config.ts", "src/runtime.ts"],
  "process.exit": ["src/main.ts"],
  "process.exitCode": ["src/main.ts"],
};

/** Files whose whole purpose is to list what other files hold. */
const TABLES = ["src/commands/index.ts", "src/mcp/tools/index.ts"];

const sources = sourcesUnder(ROOT, "src");

/** Each rule, and a file that breaks it. */
const RULES: Record<string, { check: (files: SourceFile[]) => string[]; path: string; planted: string }> = {
  "a layer imports only what it may": {
    check: (files) => rules.forbiddenImports(files, LAYERS),
    path: "src/podman/planted.ts",
    planted: 'import { forward } from "../kubernetes/forward.ts"; export const planted = forward();',
  },
  "a layer that may have types of another loads nothing of it": {
    check: (files) => rules.forbiddenImports(files, LAYERS),
    path: "src/podman/planted.ts",
    planted: 'import { Pool } from "../sandbox/pool.ts"; export const planted = new Pool();',
  },
  "errors imports nothing": {
    check: (files) => rules.forbiddenImports(files, LAYERS),
    path: "src/errors.ts",
    planted: 'export async function planted() { return import("./log.ts"); }',
  },
  "a new layer is declared before it is used": {
    check: (files) => rules.forbiddenImports(files, LAYERS),
    path: "src/utils/planted.ts",
    planted: "export const planted = 1;",
  },
  "the MCP SDK is imported in mcp and http only": {
    check: (files) => rules.misplacedImports(files, IMPORTED_BY),
    path: "src/sandbox/planted.ts",
    planted: 'import type { Tool } from "@modelcontextprotocol/sdk/types.js"; export type Planted = Tool;',
  },
  "programs are started in podman's client and the few other places that are listed only": {
    check: (files) => rules.misplacedImports(files, IMPORTED_BY),
    path: "src/podman/planted.ts",
    planted: 'import { spawn as start } from "../runtime.ts"; export const planted = start(["podman"]);',
  },
  "Bun and Deno are named in the runtime seam only": {
    check: (files) => rules.misplacedGlobals(files, NAMED_IN),
    path: "src/http/planted.ts",
    planted: "export const planted = (globalThis as { Bun?: unknown }).Bun;",
  },
  "the environment is read in config and runtime only": {
    check: (files) => rules.misplacedGlobals(files, NAMED_IN),
    path: "src/mcp/planted.ts",
    planted: "const { env } = process; export const planted = env;",
  },
  "the process is ended in main only": {
    check: (files) => rules.misplacedGlobals(files, NAMED_IN),
    path: "src/commands/planted.ts",
    planted: 'import { exit } from "node:process"; export const planted = () => exit(1);',
  },
  "no file is a barrel": {
    check: (files) => rules.barrels(files, TABLES),
    path: "src/sandbox/planted.ts",
    planted: 'export * from "./pool.ts"; export { Registry } from "./registry.ts";',
  },
  "no module has state that changes": {
    check: rules.mutableState,
    path: "src/sandbox/planted.ts",
    planted: "const cache = new Map<string, number>(); export const planted = (key: string) => cache.get(key);",
  },
  "no folder lies deeper than two below src": {
    check: (files) => rules.tooDeep(files, DEPTH),
    path: "src/mcp/tools/shell/planted.ts",
    planted: "export const planted = 1;",
  },
};

for (const [rule, { check, path, planted }] of Object.entries(RULES)) {
  test(`${rule} [architecture.layers]`, () => {
    expect(check(sources)).toEqual([]);
  });

  test(`a file that breaks the rule is caught: ${rule} [architecture.layers]`, () => {
    expect(check([readSource(path, planted)])).not.toEqual([]);
  });
}

test("no file imports itself through others [architecture.layers]", () => {
  expect(rules.cycles(sources)).toEqual([]);
});

test("a cycle of three files is noticed and named [architecture.layers]", () => {
  const ring = ["a", "b", "c"].map((name, i) =>
    readSource(`src/${name}.ts`, `import "./${["b", "c", "a"][i]}.ts"; export const ${name} = 1;`),
  );
  expect(rules.cycles(ring)).toEqual(["src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts"]);
});

test("the rules look at the real sources [architecture.layers]", () => {
  expect(sources.length).toBeGreaterThan(40);
  expect(sources.find(({ path }) => path === "src/podman/client.ts")?.imports.map(({ target }) => target)).toContain(
    "src/runtime.ts",
  );
});

test("`podexec version` loads neither the MCP SDK nor zod [speed.start]", () => {
  const loaded = rules.loadedBy(sources, ["src/main.ts", "src/commands/version.ts"]);
  expect(loaded).toContain("consola/core");
  expect(loaded.filter((target) => /^(zod|@modelcontextprotocol)/.test(target))).toEqual([]);
  const byServe = rules.loadedBy(sources, ["src/commands/serve.ts"]);
  expect(byServe).toContain("zod");
  // Most servers never meet a client of the 2026-07-28 revision.
  expect(byServe).toContain("@modelcontextprotocol/sdk/server/index.js");
  expect(byServe.filter((target) => target.startsWith("@modelcontextprotocol/server"))).toEqual([]);
});

/** What the linter measures, and a file that breaks it. */
const MEASURES: Record<string, string> = {
  "max-lines": Array.from({ length: 301 }, (_, i) => `export const value${i} = ${i};`).join("\n"),
  "max-lines-per-function": `export function long(): number {\n${"  Math.random();\n".repeat(41)}  return 1;\n}\n`,
  complexity: `export function branches(n: number): number {\n${Array.from({ length: 13 }, (_, i) => `  if (n === ${i}) return ${i};`).join("\n")}\n  return 0;\n}\n`,
  "no-floating-promises": "export function careless(): void {\n  Promise.resolve(1);\n}\n",
  "no-explicit-any": "export const loose: any = 1;\n",
};

for (const [measure, planted] of Object.entries(MEASURES)) {
  test(`the linter denies what breaks ${measure} [architecture.size]`, () => {
    const folder = mkdtempSync(join(tmpdir(), "podexec-lint-"));
    try {
      mkdirSync(join(folder, "src"));
      writeFileSync(join(folder, "src/planted.ts"), planted);
      writeFileSync(join(folder, "tsconfig.json"), '{ "compilerOptions": { "strict": true }, "include": ["src"] }');
      const { exitCode, stdout } = lint(["-c", join(ROOT, ".oxlintrc.json"), "src"], folder);
      expect(stdout.toString()).toContain(`(${measure})`);
      expect(exitCode).not.toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("files, functions and their branches are as small as the house wants them [architecture.size]", () => {
  // Other findings are the lint step's to report.
  expect(lint(["src"], ROOT).stdout.toString()).not.toMatch(/max-lines|complexity/);
});

function lint(args: string[], cwd: string) {
  const program = join(ROOT, "node_modules/.bin/oxlint");
  return Bun.spawnSync([program, "--type-aware", "--deny-warnings", "-f", "unix", ...args], { cwd });
}
