/** A compiled Bun executable would load .env, bunfig.toml and more from the folder it is started in. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { executable } from "../support/executable.ts";
import { connectStdio, exec } from "../support/mcp-client.ts";
import { run } from "../support/run.ts";
import { endAfterAll } from "../support/served.ts";

const podexec = executable();
const folder = mkdtempSync(join(tmpdir(), "podexec-hostile-"));
const marker = join(folder, "it-ran");

/** Leaves its mark, whatever way it is loaded. */
const evil = `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "");\n`;
const variables =
  "PODEXEC_LOG_LEVEL=loud\nMCP_PORT=nonsense\nPODEXEC_PODMAN=./evil.sh\nBUN_OPTIONS=--preload=./evil.cjs\nNODE_OPTIONS=--require=./evil.cjs\n";

const FILES: Record<string, string> = {
  ".env": variables,
  ".env.local": variables,
  ".env.production": variables,
  ".env.development": variables,
  "evil.cjs": evil,
  "evil.sh": `#!/bin/sh\n: >${marker}\n`,
  "bunfig.toml":
    'preload = ["./evil.cjs"]\n[run]\npreload = ["./evil.cjs"]\nbun = true\n[define]\n"process.env.PODEXEC_PORT" = "\'nonsense\'"\n',
  "package.json":
    '{ "name": "podexec", "version": "6.6.6", "type": "module", "imports": { "#*": "./evil.cjs" }, "main": "evil.cjs" }',
  "tsconfig.json":
    '{ "compilerOptions": { "baseUrl": ".", "jsx": "react-jsx", "jsxImportSource": "./evil.cjs", "paths": { "*": ["./evil.cjs"] } } }',
  "main.ts": evil,
  "src/main.ts": evil,
  ...Object.fromEntries(
    ["citty", "consola", "consola/core", "zod", "yaml", "@modelcontextprotocol/sdk"].flatMap((name) => [
      [`node_modules/${name}/index.js`, evil],
      [`node_modules/${name}/package.json`, '{ "main": "index.js" }'],
    ]),
  ),
};

beforeAll(() => {
  for (const [path, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: 0o755 });
  }
});
afterAll(() => rmSync(folder, { recursive: true }));
endAfterAll();

test("the trap works: a plain bun started in the folder runs what lies there", async () => {
  await run([process.execPath, "-e", "0"], { cwd: folder });
  expect(existsSync(marker)).toBe(true);
  rmSync(marker);
});

test.each([[["version"]], [["--help"]], [["serve", "--help"]], [["completion", "bash"]]])(
  "podexec %p runs nothing of the folder [exe.hostile-folder]",
  async (words) => {
    const { stdout, stderr } = await run([podexec, ...words], { cwd: folder });
    expect({ stderr, isMarked: existsSync(marker) }).toEqual({ stderr: "", isMarked: false });
    if (words[0] === "version") expect(stdout).toBe(`podexec ${manifest.version}\n`);
  },
);

test("serve loads all of itself there and takes no value from its .env [exe.hostile-folder]", async () => {
  const words = ["serve", "--port", "0", "--podman", "/nonexistent/podman", "--data-dir", join(folder, "data")];
  const { stderr } = await run([podexec, ...words], { cwd: folder, status: 3 });
  expect(stderr).toContain("/nonexistent/podman");
  expect(existsSync(marker)).toBe(false);
});

test("the same variables count where they come from the environment [exe.hostile-folder]", async () => {
  const { stderr } = await run([podexec, "serve"], { cwd: folder, status: 2, env: { MCP_PORT: "nonsense" } });
  expect(stderr).toContain('MCP_PORT (port): "nonsense"');
});

test("serve runs a command there, and neither it nor its podman takes anything from the folder [exe.hostile-folder]", async () => {
  writeFileSync(join(folder, "podman"), `#!/bin/sh\n: >${marker}\n`, { mode: 0o755 });
  const said: string[] = [];
  const agent = await connectStdio([], { cwd: folder, onStderr: (text) => said.push(text) });
  expect((await exec(agent, "echo hi; ls it-ran")).output).toStartWith("hi\nls: cannot access");
  await agent.close();
  expect({ isMarked: existsSync(marker), problems: said.join("").includes("loud") }).toEqual({
    isMarked: false,
    problems: false,
  });
}, 60_000);
