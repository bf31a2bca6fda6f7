/** The tools as the SDK's client sees them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createRequire } from "node:module";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { connect, openApp } from "../support/mcp-app.ts";

interface Ajv {
  validateSchema(schema: object, throws: true): boolean;
  compile(schema: object): { (value: unknown): boolean; errors?: unknown };
}
/** The SDK's own validator, for the dialect of the specification. */
const { Ajv2020 } = createRequire(import.meta.resolve("@modelcontextprotocol/sdk/validation/ajv"))(
  "ajv/dist/2020.js",
) as { Ajv2020: new (options: object) => Ajv };

const app = openApp();
let client: Client;
beforeAll(async () => {
  ({ client } = await connect(app));
});
afterAll(async () => {
  await client.close();
  await app.close();
});

const run = async (args: Record<string, unknown>) =>
  (await client.callTool({ name: "shell_exec", arguments: args })) as CallToolResult;
const textOf = (result: CallToolResult) => (result.content[0]?.type === "text" ? result.content[0].text : "");

describe("every tool", () => {
  const ajv = new Ajv2020({ strict: false });

  test("shows a title, a description, an icon and annotations, and schemas that are valid [tool.shown]", async () => {
    const { tools } = await client.listTools();
    expect(tools.length).toBeGreaterThan(15);
    for (const tool of tools) {
      const { title, description = "", icons = [], annotations, inputSchema, outputSchema = {} } = tool;
      expect([tool.name, title, annotations?.title]).toEqual([tool.name, expect.any(String), title]);
      expect(description.length).toBeGreaterThan(40);
      expect(atob(icons[0]?.src.split("base64,")[1] ?? "")).toMatch(/^<svg .*<\/svg>$/);
      expect(Object.values(annotations ?? {}).filter((hint) => typeof hint === "boolean").length).toBe(4);
      for (const schema of [inputSchema, outputSchema]) expect(ajv.validateSchema(schema, true)).toBe(true);
    }
  });

  test("answers nonsense with a failure that its schema allows, and that the SDK's client accepts [tool.failure]", async () => {
    const { tools } = await client.listTools();
    for (const { name, outputSchema = {} } of tools) {
      const result = (await client.callTool({ name, arguments: { "no such": 1 } })) as CallToolResult;
      expect(result).toMatchObject({ isError: true, structuredContent: { code: "INVALID_PARAMS", data: {} } });
      expect(result.structuredContent?.["message"]).toMatch(new RegExp(`^${name}: .*no such`));
      expect(ajv.compile(outputSchema)(result.structuredContent)).toBe(true);
      expect(ajv.compile(outputSchema)({ nothing: "of it" })).toBe(false);
    }
  });

  test("tells what happened, what the program said and what to do next, in words and as data [tool.failure]", async () => {
    const result = await run({ command: "true", sandbox: "sbx_none" });
    const { code, message, data } = result.structuredContent as {
      code: string;
      message: string;
      data: { hint: string };
    };
    expect(code).toBe("SANDBOX_UNKNOWN");
    expect(textOf(result)).toBe(`${code}: ${message}\n${data.hint}`);
  });
});

test("the server says what it is, what persists and how long work is done, by tools that exist [tool.shown]", async () => {
  const { tools } = await client.listTools();
  const said = client.getInstructions() ?? "";
  expect(said).toMatch(/Debian.*root.*host/s);
  expect(said).toMatch(/persist/);
  expect(said.length).toBeLessThan(4_000);
  const named = new Set(said.match(/\b(?:sandbox|shell|file|port)_[a-z]+\b/g));
  expect([...named].filter((name) => !tools.some((tool) => tool.name === name))).toEqual([]);
  expect(client.getServerVersion()).toMatchObject({ name: "podexec", icons: [{ mimeType: "image/svg+xml" }] });
});

describe("shell_exec", () => {
  test("has schemas of JSON Schema 2020-12, a title, a description and annotations [exec.schema]", async () => {
    const { tools } = await client.listTools();
    const tool = tools.find(({ name }) => name === "shell_exec");
    expect(tool).toMatchObject({
      name: "shell_exec",
      title: expect.any(String),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    });
    for (const schema of [tool?.inputSchema, tool?.outputSchema]) {
      expect(schema).toMatchObject({ $schema: "https://json-schema.org/draft/2020-12/schema", type: "object" });
      expect(new Ajv2020({ strict: false }).validateSchema(schema ?? {}, true)).toBe(true);
    }
    expect(tool?.inputSchema).toMatchObject({ required: ["command"], additionalProperties: false });
  });

  test.each([
    ["echo out; echo err >&2", { retval: 0, why: "exited", output: "out\nerr\n" }],
    ["exit 3", { retval: 3, why: "exited" }],
    ["kill -9 $$", { retval: 137, why: "signalled", signal: "SIGKILL" }],
    ["printf 'a\\377\\000b'", { output: "a\ufffd\0b", total_bytes: 4 }],
    ["sleep 3 & echo", { processes_left_count: 1 }],
    ["head -c 300000 /dev/zero | tr '\\0' x", { truncated: true, total_bytes: 300_000 }],
  ])(
    "answers %p with structured content that its schema allows [exec.schema, exec.fields]",
    async (command, expected) => {
      const { tools } = await client.listTools();
      const result = await run({ command });
      const tool = tools.find(({ name }) => name === "shell_exec");
      const validate = new Ajv2020({ strict: false }).compile(tool?.outputSchema ?? {});
      expect(validate(result.structuredContent) ? [] : validate.errors).toEqual([]);
      expect(result.structuredContent).toMatchObject(expected);
      expect(result.isError ?? false).toBe(false);
    },
  );

  test("says in its text what is not ordinary, and nothing else [exec.schema]", async () => {
    await run({ command: "true" });
    expect(textOf(await run({ command: "echo plain" }))).toBe("plain\n");
    expect(textOf(await run({ command: "printf x; exit 7" }))).toBe("x\n[exit status 7]");
    expect(textOf(await run({ command: "sleep 9", timeout_ms: 100 }))).toMatch(
      /\[timed out after \d+ ms, status 124\]/,
    );
  });

  test("tells the client's callback how far it is [exec.progress]", async () => {
    const told: string[] = [];
    const params = { name: "shell_exec", arguments: { command: "echo one; sleep 0.5; echo two; sleep 0.3" } };
    await client.callTool(params, undefined, { onprogress: ({ message }) => told.push(message ?? "") });
    expect(told).toEqual(["one\n", "two\n"]);
  });
});

describe("wrong arguments", () => {
  const nul = "a\0b";
  const long = "x".repeat(200_000);
  test.each([
    ["command", {}],
    ["command", { command: "" }],
    ["command", { command: 5 }],
    ["command", { command: ["ls"] }],
    ["command", { command: null }],
    ["command", { command: nul }],
    ["command", { command: long }],
    ["command", { command: "é".repeat(70_000) }],
    ["sandbox", { command: "true", sandbox: 1 }],
    ["sandbox", { command: "true", sandbox: long }],
    ["cwd", { command: "true", cwd: "" }],
    ["cwd", { command: "true", cwd: nul }],
    ["cwd", { command: "true", cwd: {} }],
    ["cwd", { command: "true", cwd: long }],
    ["env", { command: "true", env: "A=b" }],
    ["env.A", { command: "true", env: { A: 1 } }],
    ["env.A", { command: "true", env: { A: nul } }],
    ["env.A B", { command: "true", env: { "A B": "" } }],
    ["env.A=B", { command: "true", env: { "A=B": "" } }],
    ["env", { command: "true", env: { "": "" } }],
    ["env", { command: "true", env: { A: long } }],
    ["env", { command: "true", env: Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`V${n}`, ""])) }],
    ["stdin", { command: "true", stdin: 1 }],
    ["timeout_ms", { command: "true", timeout_ms: -1 }],
    ["timeout_ms", { command: "true", timeout_ms: 0 }],
    ["timeout_ms", { command: "true", timeout_ms: 1.5 }],
    ["timeout_ms", { command: "true", timeout_ms: "10" }],
    ["timeout_ms", { command: "true", timeout_ms: 1e12 }],
    ["timeout", { command: "true", timeout: 5 }],
    ["--privileged", { command: "true", "--privileged": true }],
  ])("are refused and the message names %s, row %# [input.validated]", async (field, args) => {
    const result = await run(args);
    const text = textOf(result);
    expect([result.isError, text.startsWith("INVALID_PARAMS: shell_exec: "), text]).toEqual([
      true,
      true,
      expect.stringContaining(field),
    ]);
    expect(text.length).toBeLessThan(4_000);
  });

  test("are told at a bounded length, however many [input.validated]", async () => {
    const env = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`${index} ${"y".repeat(1000)}`, ""]));
    const text = textOf(await run({ command: "true", env }));
    expect(text).toMatch(/and \d+ more/);
    expect(text.length).toBeLessThan(4_000);
  });

  test("of an unusual kind that are right work: the longest command, environment and path [exec.parameters]", async () => {
    const env = { A: "z".repeat(65_000) };
    const longest = `: ${"x".repeat(131_000 - 30)}; printf $A | wc -c`;
    expect((await run({ command: longest, env })).structuredContent).toMatchObject({ output: "65000\n", retval: 0 });
    const cwd = `/${"./".repeat(2_000)}tmp`;
    expect((await run({ command: "pwd", cwd })).structuredContent).toMatchObject({ retval: 0 });
    const stdin = "w".repeat(3_000_000);
    expect((await run({ command: "wc -c", stdin })).structuredContent).toMatchObject({ output: "3000000\n" });
  });
});
