/** The tools that look into containers and at the host, on real Podman. */
import { describe, expect, test } from "bun:test";
import { openTools, TEST_LABELS } from "../support/podman-tools.ts";
import { until } from "../support/sandboxes.ts";

const { call, codeOf, sleeper } = await openTools();
const missing = { container: "no-such-container" };

describe("podman_logs", () => {
  test("tells both streams in their order, from the end, with times where asked [podman-tools.logs]", async () => {
    const script = "for i in 1 2 3; do echo out $i; sleep 0.05; echo err $i >&2; sleep 0.05; done; sleep 300";
    const container = await sleeper({ command: ["sh", "-c", script] });
    const output = async (args: object = {}) => (await call("podman_logs", { container, ...args })).structuredContent;
    await until("it has written", async () => ((await output())["lines"] as number) === 6);
    expect(await output()).toMatchObject({
      output: "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3",
      stderr_lines: 3,
      ended: true,
    });
    expect((await output({ tail: 2 }))["output"]).toBe("out 3\nerr 3");
    expect((await output({ timestamps: true, tail: 1 }))["output"]).toMatch(/^\d{4}-\d\d-\d\dT.* err 3$/);
    expect((await output({ since: "2099-01-01T00:00:00Z" }))["output"]).toBe("");
    expect(await codeOf("podman_logs", missing)).toBe("CONTAINER_NOT_FOUND");
    expect(await codeOf("podman_logs", { container, since: "--follow" })).toBe("INVALID_PARAMS");
    expect(await codeOf("podman_logs", { container, tail: 0 })).toBe("INVALID_PARAMS");
  }, 30_000);

  test("follows as progress, ends by itself at its bound, and with the container [podman-tools.follow]", async () => {
    const container = await sleeper({ command: ["sh", "-c", "while true; do echo tick; sleep 0.2; done"] });
    const told: string[] = [];
    const onprogress = ({ message = "" }) => void told.push(message);
    const result = await call("podman_logs", { container, follow: true, follow_ms: 1_500 }, { onprogress });
    expect(result.structuredContent).toMatchObject({ ended: false });
    expect(told.join("").match(/tick/g)?.length).toBeGreaterThan(2);
    const short = await sleeper({ command: ["sh", "-c", "echo a; sleep 1; echo b"] });
    const whole = await call("podman_logs", { container: short, follow: true });
    expect(whole.structuredContent).toMatchObject({ ended: true, output: "a\nb" });
  }, 30_000);

  test("stops following when the client cancels [podman-tools.follow, podman-tools.cancel]", async () => {
    const container = await sleeper();
    const stop = new AbortController();
    const following = call("podman_logs", { container, follow: true, follow_ms: 60_000 }, { signal: stop.signal });
    await until("podman follows", async () => (await followers(container)) > 0);
    stop.abort();
    expect(await following.catch(() => "gone")).toBe("gone");
    await until("podman is gone", async () => (await followers(container)) === 0);
  }, 30_000);
});

describe("podman_inspect", () => {
  test("tells all about anything, found by its name or by its type [podman-tools.inspect]", async () => {
    const container = await sleeper();
    const typeOf = async (name: string, type?: string) =>
      (await call("podman_inspect", { container: name, ...(type ? { type } : {}) })).structuredContent["type"];
    expect(await typeOf(container)).toBe("container");
    expect(await typeOf("localhost/pod_exec_mcp_base:latest")).toBe("image");
    expect(await typeOf("podman", "network")).toBe("network");
    const codes: [string, string | undefined][] = [
      ["CONTAINER_NOT_FOUND", undefined],
      ["IMAGE_NOT_FOUND", "image"],
      ["VOLUME_NOT_FOUND", "volume"],
      ["NETWORK_NOT_FOUND", "network"],
      ["POD_NOT_FOUND", "pod"],
      ["SECRET_NOT_FOUND", "secret"],
    ];
    for (const [code, type] of codes) {
      expect(await codeOf("podman_inspect", { container: "no-such-thing", ...(type ? { type } : {}) })).toBe(code);
    }
    expect(await codeOf("podman_inspect", { container: "--latest" })).toBe("INVALID_CONTAINER_NAME");
  }, 30_000);
});

test("podman_stats tells what running containers use [podman-tools.usage]", async () => {
  const container = await sleeper();
  const one = await call("podman_stats", { containers: [container] });
  expect(one.structuredContent["stats"]).toMatchObject([{ name: container, mem_usage: expect.stringContaining("B") }]);
  const all = (await call("podman_stats")).structuredContent["stats"] as { name: string }[];
  expect(all.map(({ name }) => name)).toContain(container);
  expect(await codeOf("podman_stats", { containers: ["no-such"] })).toBe("CONTAINER_NOT_FOUND");
}, 30_000);

test("podman_top lists processes by column [podman-tools.usage]", async () => {
  const container = await sleeper({ command: ["sh", "-c", "sleep 299 & sleep 300"] });
  const { titles, processes } = (await call("podman_top", { container, columns: ["pid", "user", "args"] }))
    .structuredContent;
  expect(titles).toEqual(["PID", "USER", "COMMAND"]);
  expect(processes).toContainEqual([expect.stringMatching(/^\d+$/), "root", "sleep 299"]);
  expect(await codeOf("podman_top", { container, columns: ["-ef"] })).toBe("INVALID_PARAMS");
  expect(await codeOf("podman_top", missing)).toBe("CONTAINER_NOT_FOUND");
});

test("podman_diff tells what a container changed [podman-tools.usage]", async () => {
  const container = await sleeper({ command: ["sh", "-c", "echo > /new; rm /etc/hostname; sleep 300"] });
  await until("it did", async () =>
    ((await call("podman_diff", { container })).structuredContent["added"] as string[]).includes("/new"),
  );
  expect(await codeOf("podman_diff", missing)).toBe("CONTAINER_NOT_FOUND");
});

test("podman_healthcheck runs the check; not healthy is a result [podman-tools.usage]", async () => {
  const healthcheck = { command: "echo checked; test -e /tmp/well", interval: "1h", retries: 2 };
  const container = await sleeper({ healthcheck });
  expect((await call("podman_healthcheck", { container })).structuredContent).toMatchObject({ healthy: false });
  await call("podman_exec", { container, command: ["touch", "/tmp/well"] });
  expect((await call("podman_healthcheck", { container })).structuredContent).toMatchObject({
    healthy: true,
    status: "healthy",
    output: expect.stringContaining("checked"),
  });
  const words = await sleeper({ healthcheck: { command: ["true"], interval: "1h" } });
  expect((await call("podman_healthcheck", { container: words })).structuredContent).toMatchObject({ healthy: true });
  expect(await codeOf("podman_healthcheck", { container: await sleeper() })).toBe("CONTAINER_STATE");
  expect(await codeOf("podman_healthcheck", missing)).toBe("CONTAINER_NOT_FOUND");
}, 30_000);

test("podman_events tells what happened, and what happens as progress [podman-tools.follow]", async () => {
  const container = await sleeper();
  const filters = { container, event: "start" };
  const { events } = (await call("podman_events", { since: "5m", filters })).structuredContent;
  expect(events).toMatchObject([{ Name: container, Status: "start", Type: "container" }]);
  const told: string[] = [];
  const onprogress = ({ message = "" }) => void told.push(message);
  const following = call(
    "podman_events",
    { follow: true, follow_ms: 20_000, limit: 1, filters: { event: "died", label: "which=me" } },
    { onprogress },
  );
  await Bun.sleep(500);
  const other = await sleeper({ labels: { ...TEST_LABELS, which: "me" } });
  await call("podman_stop", { containers: [other], timeout: 0 });
  expect((await following).structuredContent).toMatchObject({
    events: [{ Name: other, Status: "died" }],
    ended: false,
  });
  expect(await codeOf("podman_events", { since: "yesterday" })).toBe("INVALID_PARAMS");
  expect(await codeOf("podman_events", { filters: { event: "a\nb" } })).toBe("INVALID_PARAMS");
}, 40_000);

test("podman_info and podman_df describe the host [podman-tools.usage]", async () => {
  const { info } = (await call("podman_info")).structuredContent;
  expect(info).toMatchObject({
    version: { Version: expect.stringMatching(/^[45]\./) },
    host: { arch: expect.any(String) },
  });
  const { usage } = (await call("podman_df")).structuredContent as { usage: { Type: string }[] };
  expect(usage.map(({ Type }) => Type)).toEqual(["Images", "Containers", "Local Volumes"]);
  for (const tool of ["info", "df"]) expect(await codeOf(`podman_${tool}`, { format: "{{.}}" })).toBe("INVALID_PARAMS");
}, 30_000);

/** Processes of podman that follow a container's log. */
async function followers(container: string): Promise<number> {
  const { object } = (await call("podman_inspect", { container })).structuredContent as { object: { Id: string } };
  const found = Bun.spawnSync(["pgrep", "-fc", `logs .*--follow ${object.Id}`]);
  return Number(found.stdout.toString().trim());
}
