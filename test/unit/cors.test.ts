import { expect, test } from "bun:test";
import { preflight, withCors } from "../../src/http/cors.ts";

const policy = {
  hosts: new Set(["127.0.0.1"]),
  anyHost: false,
  origins: new Set(["https://app.example"]),
  token: "a-token-of-enough-length",
  bodyLimit: 1024,
};
const asking = (origin: string, host = "127.0.0.1:8000") =>
  new Request("http://127.0.0.1:8000/mcp", {
    method: "OPTIONS",
    headers: { host, origin, "access-control-request-method": "POST" },
  });

test("a page of an allowed origin may call and read its session's id [input.origin]", () => {
  const answer = preflight(asking("https://app.example"), policy);
  expect(answer?.status).toBe(204);
  expect(answer?.headers.get("access-control-allow-headers")).toContain("Mcp-Session-Id");
  const response = withCors(new Response("x"), asking("https://app.example"), policy);
  expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
  expect(response.headers.get("access-control-expose-headers")).toContain("Mcp-Session-Id");
});

test("no other page is told anything, and no other host is answered [input.origin]", () => {
  expect(preflight(asking("https://evil.example"), policy)).toBeUndefined();
  expect(preflight(asking("https://app.example", "evil.example"), policy)).toBeUndefined();
  const response = withCors(new Response("x"), asking("https://evil.example"), policy);
  expect(response.headers.get("access-control-allow-origin")).toBeNull();
});
