/** The rules of MCP 2026-07-28, on the endpoint that serves sessions too. */
import { afterAll, describe, expect, test } from "bun:test";
import { answerOf, begin, call, of, openApp, request } from "../support/mcp-app.ts";
import { connectModern, envelope, exec, modern, MODERN, type ModernChanges } from "../support/mcp-modern.ts";
import { until } from "../support/sandboxes.ts";

const app = openApp();
afterAll(() => app.close());

const ask = (method: string, params: Record<string, unknown> = {}, changes: ModernChanges = {}) =>
  app.fetch(modern(method, params, changes));
const resultOf = async (response: Response) => (await answerOf(response)).result as Record<string, unknown> | undefined;
/** What a call answers as data. */
const dataOf = async (response: Response) =>
  ((await resultOf(response))?.["structuredContent"] ?? {}) as { sandbox: string; output: string };
const processes = (mark: string) => {
  const found = Bun.spawnSync(["pgrep", "-f", `^sleep ${mark}$`]).stdout.toString();
  return found.split("\n").filter(Boolean).length;
};

describe("a request of the 2026-07-28 revision", () => {
  test("discovers what the server is and can [era.rules]", async () => {
    const result = await resultOf(await ask("server/discover"));
    expect(result).toMatchObject({
      resultType: "complete",
      supportedVersions: [MODERN],
      capabilities: { tools: {}, resources: { subscribe: true }, completions: {} },
      instructions: expect.stringMatching(/Debian/),
      _meta: { "io.modelcontextprotocol/serverInfo": { name: "podexec" } },
    });
  });

  test.each(["server/discover", "tools/list", "resources/list", "resources/templates/list"])(
    "%s says for how long and by whom it may be kept [era.rules]",
    async (method) => {
      const result = await resultOf(await ask(method));
      const scope = method === "resources/list" ? "private" : "public";
      expect(result).toMatchObject({ resultType: "complete", ttlMs: expect.any(Number), cacheScope: scope });
    },
  );

  const wrong: [string, Record<string, string>][] = [
    ["names no version", { "mcp-protocol-version": "" }],
    ["names another version than its envelope", { "mcp-protocol-version": "2025-11-25" }],
    ["names no method", { "mcp-method": "" }],
    ["names another method", { "mcp-method": "tools/list" }],
    ["names no tool", { "mcp-name": "" }],
    ["names another tool", { "mcp-name": "shell_list" }],
  ];
  test.each(wrong)("whose header %s is 400 -32020, with its id [era.rules]", async (_, headers) => {
    const response = await app.fetch(exec({ command: "true" }, { headers, id: "mine" }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ id: "mine", error: { code: -32020 } });
  });

  test("of a version that nobody knows is told which are known, -32022 [era.rules]", async () => {
    const version = "2099-01-01";
    const meta = envelope({ "io.modelcontextprotocol/protocolVersion": version });
    const response = await ask("tools/list", {}, { meta, headers: { "mcp-protocol-version": version } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: -32022, data: { supported: [MODERN], requested: version } },
    });
  });

  test.each(["ping", "initialize", "logging/setLevel", "resources/subscribe", "no/such"])(
    "for %s is 404 -32601 [era.rules]",
    async (method) => {
      const response = await ask(method);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ id: 1, error: { code: -32601 } });
    },
  );

  test.each(["GET", "DELETE"])("has no %s: 405 [era.rules]", async (method) => {
    const response = await app.fetch(request(undefined, { "mcp-protocol-version": MODERN }, { method }));
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });

  test("without an envelope is refused, where its header says that it has one [era.rules]", async () => {
    const headers = { "mcp-protocol-version": MODERN, "mcp-method": "tools/list" };
    const response = await app.fetch(request({ jsonrpc: "2.0", id: 1, method: "tools/list" }, headers));
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code: -32602 } }]);
  });

  test("for a tool that does not exist is -32602, and wrong arguments are a result [era.rules, tool.failure]", async () => {
    const unknown = await answerOf(await ask("tools/call", { name: "no_such", arguments: {} }));
    expect(unknown).toMatchObject({ error: { code: -32602, message: expect.stringMatching(/no_such.*shell_exec/) } });
    const result = await resultOf(await app.fetch(exec({ command: 1 })));
    expect(result).toMatchObject({ isError: true, structuredContent: { code: "INVALID_PARAMS", data: {} } });
  });

  test("passes the same gates as any other [input.origin, era.both]", async () => {
    for (const headers of [{ host: "evil.example" }, { origin: "https://evil.example" }]) {
      expect((await ask("server/discover", {}, { headers })).status).toBe(403);
    }
    const text = await app.fetch(exec({ command: "true" }, { headers: { "content-type": "text/plain" } }));
    expect(text.status).toBe(415);
  });
});

describe("whatever stands in a request", () => {
  const key = "io.modelcontextprotocol/protocolVersion";
  const odd = [
    null,
    [],
    "text",
    7,
    {},
    { [key]: null },
    { [key]: {} },
    { [key]: MODERN },
    { [key]: "x".repeat(9_999) },
  ];
  const metas = odd.map((meta) => ({ _meta: meta }));
  const params = [null, [], "text", [metas[5]], ...metas, { ...metas[7], name: 5 }, { _meta: envelope(), name: {} }];
  const methods = ["tools/call", "tools/list", "subscriptions/listen", "resources/read", "completion/complete", "", 5];
  const answers = async (body: unknown, headers: Record<string, string> = {}) => {
    const response = await app.fetch(request(body, headers));
    const text = await Promise.race([response.text(), Bun.sleep(5_000)]);
    expect(response.status).toBeOneOf([200, 202, 400, 404]);
    expect(text).toBeDefined();
  };

  test("is answered, and never with an error of the server's own [era.rules, input.isolated]", async () => {
    for (const method of methods) {
      for (const each of params) {
        const body = { jsonrpc: "2.0", id: 1, method, params: each };
        await answers(body);
        await answers(body, { "mcp-protocol-version": MODERN, "mcp-method": String(method) });
      }
    }
    expect((await ask("server/discover")).status).toBe(200);
  }, 30_000);

  test("of a wish to listen is looked at within bounds [era.bounded, era.listen]", async () => {
    const uris = Array.from({ length: 50_000 }, (_, index) => `sandbox://sbx_${"0".repeat(32)}/${index}`);
    const wishes = [null, 5, "text", [null, 5, {}, []], uris];
    for (const resourceSubscriptions of wishes) {
      const response = await ask("subscriptions/listen", { notifications: { resourceSubscriptions } });
      const reader = response.body?.getReader();
      await reader?.read();
      await reader?.cancel();
    }
    await until("nothing is under way", () => app.modern.running === 0);
  }, 20_000);
});

describe("a call without a session", () => {
  test("has a new sandbox, and the next one finds it by the handle that it is told [era.both, own.handle]", async () => {
    const first = await resultOf(await app.fetch(exec({ command: "echo kept > /tmp/$$; echo /tmp/$$" })));
    const { sandbox, output } = (first?.["structuredContent"] ?? {}) as { sandbox: string; output: string };
    expect(JSON.stringify(first?.["content"])).toContain(sandbox);
    const again = await resultOf(await app.fetch(exec({ command: `cat ${output}`, sandbox })));
    expect(again?.["structuredContent"]).toMatchObject({ output: "kept\n", sandbox });
    expect((await dataOf(await app.fetch(exec({ command: "true" })))).sandbox).not.toBe(sandbox);
    Bun.spawnSync(["rm", "-f", output.trim()]);
  });

  test("shares nothing with another principal: the handle is as unknown as a made-up one [own.foreign]", async () => {
    const as = (name: string) => ({ headers: { "x-principal": name } });
    const { sandbox } = await dataOf(await app.fetch(exec({ command: "true" }, as("ann"))));
    const madeUp = `sbx_${"0".repeat(32)}`;
    const [foreign, unknown] = await Promise.all(
      [sandbox, madeUp].map(async (handle) =>
        JSON.stringify(await resultOf(await app.fetch(exec({ command: "true", sandbox: handle }, as("bob"))))),
      ),
    );
    expect(foreign).toContain("SANDBOX_UNKNOWN");
    expect(foreign?.replaceAll(sandbox, madeUp)).toBe(unknown ?? "");
  });

  test("has progress in order before its result, and its headers at once [exec.progress]", async () => {
    const command = "for i in 1 2 3; do echo $i; sleep 0.3; done";
    const startedAt = performance.now();
    const response = await app.fetch(exec({ command }, { meta: envelope({ progressToken: "p" }) }));
    expect(performance.now() - startedAt).toBeLessThan(250);
    const messages = [...(await response.text()).matchAll(/^data: (.+)$/gm)].map(([, data = ""]) => JSON.parse(data));
    const told = messages.slice(0, -1).map(({ params }) => params.message);
    expect(told.join("")).toBe("1\n2\n3\n");
    expect(messages.at(-1)).toMatchObject({ id: 1, result: { structuredContent: { output: "1\n2\n3\n" } } });
  });

  test("is cancelled with its whole tree when the client closes its stream [era.cut]", async () => {
    const response = await app.fetch(exec({ command: "setsid sleep 31201 & sleep 31201" }));
    await until("it runs", () => processes("31201") === 2);
    await response.body?.cancel();
    await until("its processes are gone", () => processes("31201") === 0);
    await until("nothing is under way", () => app.modern.running === 0);
  });

  test("goes on when the client closes its stream, if it has an idempotency key [era.cut]", async () => {
    const args = { command: "echo begun; sleep 0.6; echo done", idempotency_key: "modern-cut-1" };
    const response = await app.fetch(exec(args));
    await Bun.sleep(150);
    await response.body?.cancel();
    await Bun.sleep(50);
    const result = await resultOf(await app.fetch(exec(args)));
    expect(result?.["structuredContent"]).toMatchObject({ output: "begun\ndone\n", retval: 0 });
  });
});

describe("clients of the second version of the SDK", () => {
  test.each([["legacy"], ["auto"], [{ pin: MODERN }]] as const)(
    "in mode %p list the tools and call one [era.both]",
    async (mode) => {
      const client = await connectModern(app.fetch, mode);
      const isModern = mode !== "legacy";
      expect(client.getNegotiatedProtocolVersion()).toBe(isModern ? MODERN : "2025-11-25");
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain("shell_exec");
      const result = await client.callTool({ name: "shell_exec", arguments: { command: "echo hello" } });
      expect(result.structuredContent).toMatchObject({ output: "hello\n", retval: 0 });
      const failed = await client.callTool({ name: "shell_exec", arguments: { command: "x", sandbox: "sbx_none" } });
      expect(failed).toMatchObject({ isError: true, structuredContent: { code: "SANDBOX_UNKNOWN" } });
      await client.close();
    },
    20_000,
  );

  test("of both eras share one server and one principal's sandboxes [era.both]", async () => {
    const session = await begin(app);
    const first = await answerOf(await app.fetch(request(call(1, { command: "echo $$ > /tmp/eras" }), of(session))));
    const sandbox = first.result?.structuredContent?.["sandbox"] as string;
    const second = await resultOf(await app.fetch(exec({ command: "cat /tmp/eras; rm /tmp/eras", sandbox })));
    expect(second?.["structuredContent"]).toMatchObject({ sandbox, retval: 0 });
    await app.sessions.end(session);
  });
});
