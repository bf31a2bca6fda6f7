/** @modelcontextprotocol/conformance: against the executable, and through the same transports with the suite's tools. */
import { beforeAll, describe, expect, test } from "bun:test";
import { conformance, unexpected, type Check, type Exception } from "../support/conformance.ts";
import { serveFixtures } from "../support/conformance-server.ts";
import { installInspector } from "../support/inspector.ts";
import { endAfterAll, serve } from "../support/served.ts";

beforeAll(installInspector, 300_000);
endAfterAll();

/** What podexec does not offer, whichever tools it has. */
const NOT_OFFERED: Record<string, Exception[]> = {
  "2025-11-25": [
    { scenarios: /^prompts-/, reason: "podexec has no prompts" },
    {
      scenarios: /^completion-complete$/,
      reason: "the suite completes a prompt; podexec completes resource templates",
    },
    { scenarios: /^logging-set-level$|^tools-call-with-logging$/, reason: "podexec sends no log messages to clients" },
    { scenarios: /^tools-call-sampling$/, reason: "podexec asks no client for its model" },
    { scenarios: /^tools-call-elicitation$|^elicitation-/, reason: "podexec asks no user for input" },
  ],
  "2026-07-28": [
    { scenarios: /^prompts-/, reason: "podexec has no prompts" },
    { scenarios: /^caching$/, ids: /prompts-list/, reason: "podexec has no prompts" },
    {
      scenarios: /^completion-complete$/,
      reason: "the suite completes a prompt; podexec completes resource templates",
    },
    { scenarios: /^input-required-/, reason: "podexec asks neither client nor user for input" },
    {
      scenarios: /^server-stateless$/,
      ids: /undeclared-capability|missing-capability/,
      reason: "no tool of podexec needs a capability of the client",
    },
    { scenarios: /^tasks-/, reason: "an extension (SEP-2663) that podexec does not have; commands have ids instead" },
    { scenarios: /^http-custom-header-/, reason: "no tool of podexec has arguments in headers" },
  ],
};

/** What the suite asks for by the names of its own tools and resources; the fixtures have them. */
const NAMED: Record<string, Exception[]> = {
  "2025-11-25": [
    { scenarios: /^tools-call-(?!with-logging|sampling|elicitation)/, reason: "calls tools of the suite" },
    { scenarios: /^resources-(read|templates|subscribe|unsubscribe)/, reason: "reads resources of the suite" },
    { scenarios: /^json-schema-2020-12$/, reason: "looks for a tool of the suite" },
  ],
  "2026-07-28": [
    { scenarios: /^tools-call-(?!with-logging|sampling|elicitation)/, reason: "calls tools of the suite" },
    { scenarios: /^resources-(read|templates)/, reason: "reads resources of the suite" },
    {
      scenarios: /^server-stateless$/,
      ids: /no-independent-requests|no-log-without/,
      reason: "calls tools of the suite",
    },
    { scenarios: /^json-schema-2020-12$/, reason: "looks for a tool of the suite" },
  ],
};

/** What has to have passed, so that a suite that finds nothing to check is noticed. */
const GENERIC: Record<string, string[]> = {
  "2025-11-25": [
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
    "server-session-lifecycle",
  ],
  "2026-07-28": [
    "server-stateless",
    "tools-list",
    "resources-list",
    "caching",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
    "http-header-validation",
    "sep-2164-resource-not-found",
  ],
};
const WITH_FIXTURES = ["tools-call-with-progress", "tools-call-mixed-content", "resources-read-binary"];

const passed = (checks: readonly Check[], scenario: string) =>
  checks.some((check) => check.scenario === scenario && check.status === "SUCCESS");

describe.each(["2025-11-25", "2026-07-28"])("of the scenarios of %s", (revision) => {
  test("those that apply to podexec pass against the executable [conform.product]", async () => {
    const { url } = await serve(["--pool", "0"]);
    const checks = await conformance(url, revision);
    expect(unexpected(checks, [...(NOT_OFFERED[revision] ?? []), ...(NAMED[revision] ?? [])])).toEqual([]);
    expect(GENERIC[revision]?.filter((scenario) => !passed(checks, scenario))).toEqual([]);
  }, 120_000);

  test("those about tools and resources pass through the same transports [conform.transport]", async () => {
    const fixtures = serveFixtures();
    const checks = await conformance(fixtures.url, revision);
    expect(unexpected(checks, NOT_OFFERED[revision] ?? [])).toEqual([]);
    const all = [...(GENERIC[revision] ?? []), ...WITH_FIXTURES, "json-schema-2020-12"];
    expect(all.filter((scenario) => !passed(checks, scenario))).toEqual([]);
    expect(fixtures.modern.running).toBe(0);
    await fixtures.close();
  }, 120_000);
});

test("a check that fails unexpectedly and an exception without a need are both noticed [conform.transport]", () => {
  const checks: Check[] = [{ scenario: "ping", id: "ping", status: "FAILURE", errorMessage: "no pong" }];
  expect(unexpected(checks, [])).toEqual(["ping, ping: no pong"]);
  expect(unexpected([], [{ scenarios: /^ping$/, reason: "why" }])).toEqual([
    "nothing needs the exception /^ping$/ (why) any more",
  ]);
});
