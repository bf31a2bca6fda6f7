import { describe, expect, test } from "bun:test";
import { checkRequest, hostNames, toResponse, type GatePolicy } from "../../src/http/gates.ts";

const policy: GatePolicy = {
  hosts: new Set(["localhost", "127.0.0.1", "[::1]", "podexec.example"]),
  anyHost: false,
  origins: new Set(["https://trusted.example"]),
  token: undefined,
  bodyLimit: 1000,
};

interface Asked extends Partial<GatePolicy> {
  method?: string;
  url?: string;
}

/** The status of the refusal; 200 for none. */
function check(headers: Record<string, string>, { method = "POST", url = "http://h/mcp", ...changes }: Asked = {}) {
  return checkRequest(new Request(url, { method, headers }), { ...policy, ...changes });
}
const status = (...args: Parameters<typeof check>) => check(...args)?.status ?? 200;
const host = "localhost";

describe("Host", () => {
  test.each([
    "localhost",
    "LOCALHOST:1",
    "localhost:65535",
    "127.0.0.1:8000",
    "[::1]",
    "[::1]:8000",
    "podexec.example",
    "Podexec.Example:443",
  ])("%s is allowed [input.origin]", (name) => {
    expect(status({ host: name })).toBe(200);
  });

  test.each([
    "",
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "localhost:8000@evil.example",
    "localhost:8000.evil.example",
    "evil.example#localhost",
    "localhost, evil.example",
    "localhost:",
    "localhost:123456",
    "::1",
    "[::1",
    "[::1]evil.example",
    "[::2]:8000",
    "0.0.0.0:8000",
    "127.0.0.2",
    "2130706433",
    "localhost.",
  ])("%p is 403 [input.origin]", (name) => {
    expect(status({ host: name })).toBe(403);
  });

  test("that is missing is 403, and any is allowed where a token guards all addresses [input.origin]", () => {
    expect(status({})).toBe(403);
    expect(status({ host: "any.example", authorization: "Bearer t" }, { anyHost: true, token: "t" })).toBe(200);
  });
});

test("an address or a name as it was configured is found as clients write it [input.origin]", () => {
  const hosts = hostNames(["Podexec.LAN", "fd00::A", "[::1]", "10.0.0.1"]);
  for (const name of ["podexec.lan:1", "[fd00::a]:8000", "[::1]", "10.0.0.1:80"]) {
    expect(status({ host: name }, { hosts })).toBe(200);
  }
});

describe("Origin", () => {
  test.each(["https://trusted.example", "http://localhost:3000", "http://127.0.0.1", "http://[::1]:5000"])(
    "%s is allowed [input.origin]",
    (origin) => {
      expect(status({ host, origin })).toBe(200);
    },
  );

  test.each([
    "null",
    "",
    "https://evil.example",
    "https://trusted.example.evil.example",
    "https://trusted.example:444",
    "http://trusted.example",
    "http://localhost.evil.example",
    "http://localhost@evil.example",
    "http://evil.example#localhost",
    "file://",
    "localhost",
    "https://trusted.example https://evil.example",
  ])("%p is 403 [input.origin]", (origin) => {
    expect(status({ host, origin })).toBe(403);
  });

  test("is refused before anything is told about the path or the token [input.origin]", () => {
    expect(status({ host, origin: "https://evil.example" }, { url: "http://h/", token: "t" })).toBe(403);
  });
});

describe("the token", () => {
  const token = "s3cret-token";
  test.each([
    ["Bearer s3cret-token", 200],
    ["bearer  s3cret-token ", 200],
    ["Bearer s3cret-tokeN", 401],
    ["Bearer s3cret-token2", 401],
    ["Bearer s3cret", 401],
    ["Bearer", 401],
    ["Bearer ", 401],
    ["Basic s3cret-token", 401],
    ["s3cret-token", 401],
    ["Bearer s3cret-token, Bearer s3cret-token", 401],
  ])("%p is %d [input.token]", (authorization, expected) => {
    expect(status({ host, authorization }, { token })).toBe(expected);
  });

  test("that is missing or wrong is asked for as RFC 6750 has it, and never echoed [input.token]", () => {
    const missing = check({ host }, { token });
    const wrong = check({ host, authorization: "Bearer guess" }, { token });
    expect(missing?.headers).toEqual({ "WWW-Authenticate": 'Bearer realm="podexec"' });
    expect(wrong?.headers).toEqual({ "WWW-Authenticate": 'Bearer realm="podexec", error="invalid_token"' });
    expect([missing?.message, wrong?.message]).toEqual([
      "a bearer token is needed",
      "the bearer token is not the one of this server",
    ]);
    expect(JSON.stringify([missing, wrong])).not.toMatch(/s3cret|guess/);
  });

  test("in the address does not count [input.token]", () => {
    expect(status({ host }, { token, url: `http://h/mcp?access_token=${token}` })).toBe(401);
  });
});

describe("method and path", () => {
  test.each(["PUT", "PATCH", "OPTIONS", "HEAD"])("%s is 405 and names what is allowed [input.method]", (method) => {
    const refusal = check({ host }, { method });
    expect([refusal?.status, refusal?.headers]).toEqual([405, { Allow: "GET, POST, DELETE" }]);
  });

  test.each(["/", "/mcp/", "/MCP", "/mcp/..", "/other", "//mcp", "/mcp%2f"])("%s is 404 [input.method]", (path) => {
    expect(status({ host }, { url: `http://h${path}` })).toBe(404);
  });

  test("a query does not hide the endpoint [input.method]", () => {
    expect(status({ host }, { url: "http://h/mcp?a=b" })).toBe(200);
  });
});

test.each([
  ["1000", 200],
  ["1001", 413],
  ["99999999999999999999", 413],
  ["1e9", 413],
])("a body said to have %s bytes is %d [input.body]", (length, expected) => {
  expect(status({ host, "content-length": length })).toBe(expected);
});

test("a refusal is a JSON-RPC error with its status and headers [input.json]", async () => {
  const response = toResponse({ status: 405, code: -32000, message: "no", headers: { Allow: "GET" } });
  expect([response.status, response.headers.get("allow"), response.headers.get("content-type")]).toEqual([
    405,
    "GET",
    "application/json",
  ]);
  expect(await response.json()).toEqual({ jsonrpc: "2.0", error: { code: -32000, message: "no" }, id: null });
});
