/** The options of the podman tools, as an operator writes them. */
import { expect, test } from "bun:test";
import { loadServeConfig } from "../../src/config.ts";

const load = (
  flags: Record<string, string | boolean | string[]>,
  environment: Record<string, string> = {},
  file = "",
) => loadServeConfig(file === "" ? flags : { ...flags, config: "podexec.yaml" }, environment, () => file).config;

test("only sandboxes' tools are offered, and nothing of the host is allowed, unless it is said [podman-tools.select]", () => {
  expect(load({})).toMatchObject({
    toolsets: ["sandbox"],
    tools: [],
    readOnly: false,
    destructive: true,
    ownOnly: false,
    allowMount: [],
    allowPrivileged: false,
    allowHostNamespaces: false,
    allowCap: [],
    allowDevice: [],
  });
});

test("lists are repeated flags, words with commas, variables or lists in a file [podman-tools.select]", () => {
  const both = ["sandbox", "podman"];
  expect(load({ toolsets: ["sandbox,podman"] }).toolsets).toEqual(both as never);
  expect(load({ toolsets: ["sandbox", "podman"] }).toolsets).toEqual(both as never);
  expect(load({}, { PODEXEC_TOOLSETS: "sandbox, podman" }).toolsets).toEqual(both as never);
  expect(load({}, {}, "toolsets: [sandbox, podman]").toolsets).toEqual(both as never);
  expect(load({}, {}, "toolsets: sandbox,podman").toolsets).toEqual(both as never);
  expect(load({ tools: ["podman_ps,podman_logs"] }).tools).toEqual(["podman_ps", "podman_logs"]);
  expect(load({ destructive: false }).destructive).toBe(false);
  expect(load({}, { PODEXEC_DESTRUCTIVE: "no" }).destructive).toBe(false);
});

test.each([{ toolsets: ["sandbox,bogus"] }, { "allow-mount": ["/no/such/folder"] }])(
  "%p is refused [podman-tools.select]",
  (flags) => {
    expect(() => load(flags as unknown as Record<string, string[]>)).toThrow(Object.keys(flags)[0]);
  },
);
