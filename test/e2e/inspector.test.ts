/** The MCP Inspector against the executable. */
import { beforeAll, expect, test } from "bun:test";
import { executable } from "../support/executable.ts";
import { inspect, installInspector } from "../support/inspector.ts";
import { until } from "../support/sandboxes.ts";
import { endAfterAll, ownContainers, serve, serveArguments, type Served } from "../support/served.ts";

const TOKEN = "token-of-the-inspector";
let http: Served;

beforeAll(async () => {
  await installInspector();
  http = await serve(["--pool", "0"], { env: { PODEXEC_TOKEN: TOKEN } });
}, 300_000);
endAfterAll();

const FORM = ["--format", "json", "-q"];
const LIST = ["--method", "tools/list"];

function callArgs(args: object): string[] {
  return ["--method", "tools/call", "--tool-name", "shell_exec", "--tool-args-json", JSON.stringify(args)];
}

const TRANSPORTS: [string, (args: string[], status?: number) => ReturnType<typeof inspect>][] = [
  [
    "HTTP",
    (args, status) => {
      const auth = ["--header", `Authorization: Bearer ${TOKEN}`, "--stored-auth-only"];
      return inspect([http.url, "--transport", "http", ...auth, ...FORM, ...args], status);
    },
  ],
  [
    "stdio",
    (args, status) =>
      inspect([...FORM, ...args, "--", executable(), ...serveArguments(["--transport", "stdio"])], status),
  ],
];

const ERAS = TRANSPORTS.flatMap(([name, ask]) => ["legacy", "modern"].map((era) => [name, era, ask] as const));

test.each(ERAS)(
  "over %s in the %s era the Inspector lists the tools, strictly [http.inspector, exec.schema, tool.shown]",
  async (_name, era, ask) => {
    const { stdout } = await ask([...LIST, "--strict", "--protocol-era", era]);
    const { result } = JSON.parse(stdout) as { result: { tools: Record<string, unknown>[] } };
    expect(result.tools.find(({ name }) => name === "shell_exec")).toMatchObject({
      title: expect.any(String),
      icons: [{ mimeType: "image/svg+xml" }],
      outputSchema: { type: "object" },
    });
  },
  60_000,
);

test.each(ERAS)(
  "over %s in the %s era the Inspector runs a command and reads its status [http.inspector, exec.result]",
  async (_name, era, ask) => {
    const args = callArgs({ command: "cat; echo $((6*7)); exit 3", stdin: "in\n" });
    const { stdout } = await ask([...args, "--protocol-era", era]);
    const { result } = JSON.parse(stdout) as { result: object };
    expect(result).toMatchObject({ structuredContent: { output: "in\n42\n", retval: 3, why: "exited" } });
    expect(result).not.toHaveProperty("isError", true);
  },
  60_000,
);

test.each(ERAS)(
  "over %s in the %s era the Inspector is told why podexec could not, status 5 [http.inspector, tool.failure]",
  async (_name, era, ask) => {
    const args = callArgs({ command: "true", sandbox: "sbx_none" });
    const { stdout } = await ask([...args, "--protocol-era", era], 5);
    expect(JSON.parse(stdout)).toMatchObject({ result: { structuredContent: { code: "SANDBOX_UNKNOWN" } } });
  },
  60_000,
);

test.each(ERAS)(
  "over %s in the %s era the Inspector lists resource templates and resources [http.inspector, resource.list]",
  async (_name, era, ask) => {
    for (const method of ["resources/templates/list", "resources/list"]) {
      await ask(["--method", method, "--protocol-era", era]);
    }
  },
  60_000,
);

test.each(TRANSPORTS)(
  "over %s a wrong argument is a tool error, status 5 [http.inspector, input.validated]",
  async (_name, ask) => {
    const { stdout, stderr } = await ask(callArgs({ command: "true", timeout_ms: "soon" }), 5);
    expect(stdout + stderr).toContain("timeout_ms");
  },
  60_000,
);

test("without the token the Inspector is refused [input.token]", async () => {
  const { stdout, stderr } = await inspect(
    [http.url, "--transport", "http", "--stored-auth-only", ...FORM, ...LIST],
    3,
  );
  expect(stdout + stderr).toMatch(/auth|401/i);
}, 60_000);

test("the sandbox of an Inspector over stdio is gone after it [life.removed]", async () => {
  const before = (await ownContainers()).length;
  const [, ask] = TRANSPORTS[1] ?? [];
  await ask?.(callArgs({ command: "true" }));
  await until("it is gone", async () => (await ownContainers()).length === before, 20_000);
}, 60_000);
