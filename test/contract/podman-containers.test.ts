/** The tools for containers, on real Podman. */
import { describe, expect, test } from "bun:test";
import { nameOf } from "../../src/sandbox/handle.ts";
import { openTools, ownName, TEST_LABELS } from "../support/podman-tools.ts";
import { openSandbox, cleanUpAfterAll, podman, toolImage, until } from "../support/sandboxes.ts";

cleanUpAfterAll();
const { call, codeOf, sleeper } = await openTools();

const runOf = (changes: Record<string, unknown>) => ({
  image: toolImage,
  name: ownName(),
  network: "none",
  labels: TEST_LABELS,
  detach: false,
  ...changes,
});

describe("podman_run", () => {
  test("starts a container in the background, with podexec's label and without a sandbox's [podman-tools.run]", async () => {
    const name = await sleeper({ env: ["A=b c"], workdir: "/tmp", user: "1000", restart: "no", cap_drop: ["chown"] });
    const { object } = (await call("podman_inspect", { container: name })).structuredContent as {
      object: { Config: { Labels: Record<string, string>; Env: string[]; WorkingDir: string; User: string } };
    };
    expect(object.Config).toMatchObject({ WorkingDir: "/tmp", User: "1000" });
    expect(object.Config.Env).toContain("A=b c");
    expect(object.Config.Labels).toMatchObject({ "podexec.managed": "1", "podexec.test": "1" });
    expect(object.Config.Labels["podexec"]).toBeUndefined();
  });

  test("waits with `detach: false`, and an exit status other than 0 is a result [podman-tools.run]", async () => {
    const command = ["sh", "-c", "echo out; echo err >&2; exit 7"];
    const result = await call("podman_run", runOf({ command }));
    expect(result.structuredContent).toMatchObject({ retval: 7, stdout: "out\n", stderr: "err\n", detached: false });
    expect(result.isError ?? false).toBe(false);
  });

  test("leaves nothing behind with `remove`, and nothing of what could not start [podman-tools.run]", async () => {
    const name = ownName();
    await call("podman_run", runOf({ name, command: ["true"], remove: true }));
    expect(await codeOf("podman_run", runOf({ name, command: ["/no/such"] }))).toBe("EXEC_NOT_FOUND");
    expect(await codeOf("podman_run", runOf({ name, command: ["/no/such"], detach: true }))).toBe("EXEC_NOT_FOUND");
    expect(await codeOf("podman_inspect", { container: name })).toBe("CONTAINER_NOT_FOUND");
  });

  test("ends and removes what takes too long, and what its client gives up [podman-tools.run, podman-tools.cancel]", async () => {
    const name = ownName();
    const long = runOf({ name, command: ["sleep", "100"] });
    expect(await codeOf("podman_run", { ...long, timeout_ms: 1_500 })).toBe("PODMAN_ERROR");
    expect(await codeOf("podman_inspect", { container: name })).toBe("CONTAINER_NOT_FOUND");
    const stop = new AbortController();
    const running = call("podman_run", long, { signal: stop.signal }).catch(() => "gone");
    await until("it runs", async () => (await codeOf("podman_inspect", { container: name })) === undefined);
    stop.abort();
    expect(await running).toBe("gone");
    await until("it is gone", async () => (await codeOf("podman_inspect", { container: name })) !== undefined);
  });

  test("names what is taken: a name, a port [podman-tools.failure]", async () => {
    const port = 20_000 + (process.pid % 10_000);
    const published = { network: "bridge", ports: [`127.0.0.1:${port}:80`] };
    const name = await sleeper(published);
    const again = { image: toolImage, command: ["sleep", "9"], labels: TEST_LABELS };
    expect(await codeOf("podman_run", { ...again, name })).toBe("NAME_IN_USE");
    expect(await codeOf("podman_run", { ...again, ...published, name: ownName() })).toBe("PORT_IN_USE");
    const { containers } = (await call("podman_ps", { filters: { name } })).structuredContent;
    expect(containers).toMatchObject([{ Ports: [{ host_port: port, container_port: 80, host_ip: "127.0.0.1" }] }]);
  });

  test.each([
    ["INVALID_IMAGE_NAME", { image: "--privileged" }],
    ["INVALID_IMAGE_NAME", { image: "dir:/etc" }],
    ["INVALID_IMAGE_NAME", { image: "a b" }],
    ["IMAGE_NOT_FOUND", { image: "no-such-image-of-podexec" }],
    ["REGISTRY_ERROR", { image: "localhost:1/none" }],
    ["INVALID_CONTAINER_NAME", { name: "--rm" }],
    ["INVALID_CONTAINER_NAME", { name: "a/b" }],
    ["INVALID_PARAMS", { env: ["NO"] }],
    ["INVALID_PARAMS", { ports: ["99999:80"] }],
    ["INVALID_PARAMS", { ports: ["8000-8010:80-81"] }],
    ["INVALID_PARAMS", { ports: ["--privileged"] }],
    ["INVALID_PARAMS", { volumes: ["vol:/x:suid"] }],
    ["INVALID_PARAMS", { volumes: ["vol:relative"] }],
    ["INVALID_PARAMS", { user: "--x" }],
    ["INVALID_PARAMS", { workdir: "x" }],
    ["INVALID_PARAMS", { network: "slirp4netns:allow_host_loopback=true" }],
    ["INVALID_PARAMS", { network: "ns:/proc/1/ns/net" }],
    ["NETWORK_NOT_FOUND", { network: "no-such-network" }],
    ["CONTAINER_NOT_FOUND", { network: "container:no-such" }],
    ["SECRET_NOT_FOUND", { secrets: ["no-such-secret"] }],
    ["INVALID_PARAMS", { remove: true, restart: "always" }],
    ["INVALID_PARAMS", { detach: "yes" }],
    ["REFUSED", { labels: { podexec: "1" } }],
    ["REFUSED", { labels: { "podexec.managed": "0" } }],
  ])(
    "answers %s for %p [podman-tools.names, podman-tools.failure]",
    async (code, changes) => {
      expect(await codeOf("podman_run", { ...runOf({ command: ["true"] }), ...changes })).toBe(code);
    },
    30_000,
  );
});

describe("podman_stop, _start, _restart and _rm", () => {
  test("have a result for each: one failure does not hide the others [podman-tools.batch]", async () => {
    const names = [await sleeper(), "no-such-container", await sleeper(), "--all"];
    const results = (await call("podman_stop", { containers: names, timeout: 0 })).structuredContent["results"];
    const errors = ["CONTAINER_NOT_FOUND", "INVALID_CONTAINER_NAME"].map((code) => ({ ok: false, error: { code } }));
    expect(results).toMatchObject([{ ok: true }, errors[0], { ok: true }, errors[1]]);
    for (const verb of ["podman_start", "podman_restart"]) {
      const { structuredContent } = await call(verb, {
        containers: names,
        ...(verb === "podman_start" ? {} : { timeout: 0 }),
      });
      expect(structuredContent).toMatchObject({
        failed: 2,
        results: [{ ok: true }, errors[0], { ok: true }, errors[1]],
      });
    }
    const removed = await call("podman_rm", { containers: names, force: true, timeout: 0 });
    expect(removed.structuredContent).toMatchObject({ failed: 2 });
    expect(await codeOf("podman_inspect", { container: names[0] })).toBe("CONTAINER_NOT_FOUND");
  }, 30_000);

  test("fail as themselves where one is asked for, with Podman's own words [podman-tools.failure]", async () => {
    for (const verb of ["stop", "start", "restart", "rm"]) {
      const { structuredContent, isError } = await call(`podman_${verb}`, { containers: ["no-such-container"] });
      const data = { details: expect.stringContaining("no such container") };
      expect([isError, structuredContent]).toMatchObject([true, { code: "CONTAINER_NOT_FOUND", data }]);
    }
    const name = await sleeper();
    const { structuredContent } = await call("podman_rm", { containers: [name] });
    expect(structuredContent).toMatchObject({
      code: "CONTAINER_STATE",
      data: { details: expect.stringContaining("running") },
    });
  });
});

describe("podman_exec", () => {
  test("runs a command; what it answers is a result [podman-tools.exec]", async () => {
    const container = await sleeper();
    const command = ["sh", "-c", "cat; pwd; echo $A >&2; exit 3"];
    const args = { container, command, stdin: "in\n", env: ["A=b"], workdir: "/tmp", user: "1000" };
    expect((await call("podman_exec", args)).structuredContent).toMatchObject({
      retval: 3,
      stdout: "in\n/tmp\n",
      stderr: "b\n",
      timed_out: false,
    });
    expect(await codeOf("podman_exec", { container, command: ["no-such-program"] })).toBe("EXEC_NOT_FOUND");
    expect(
      (await call("podman_exec", { container, command: ["sh", "-c", "exit 125"] })).structuredContent["retval"],
    ).toBe(125);
    expect(await codeOf("podman_exec", { container: "no-such", command: ["true"] })).toBe("CONTAINER_NOT_FOUND");
    await call("podman_stop", { containers: [container], timeout: 0 });
    expect(await codeOf("podman_exec", { container, command: ["true"] })).toBe("CONTAINER_STATE");
  }, 30_000);

  test("ends in the container what takes too long, and bounds what it says [podman-tools.exec, podman-tools.cancel]", async () => {
    const container = await sleeper();
    const slow = await call("podman_exec", {
      container,
      command: ["sh", "-c", "echo a; sleep 77; true"],
      timeout_ms: 1_000,
    });
    expect(slow.structuredContent).toMatchObject({ timed_out: true, retval: 124, stdout: "a" });
    const { processes } = (await call("podman_top", { container })).structuredContent as { processes: string[][] };
    // What is over and was not waited for by the first process stands in brackets.
    expect(processes.map((row) => row.at(-1)).filter((args) => !args?.startsWith("["))).toEqual(["sleep 300"]);
    const much = await call("podman_exec", { container, command: ["head", "-c", "300000", "/dev/zero"] });
    expect(much.structuredContent).toMatchObject({ truncated: true });
    expect(JSON.stringify(much.structuredContent["stdout"]).length).toBeLessThan(500_000);
  }, 30_000);
});

describe("podman_ps", () => {
  test("lists what runs, or all, by filter, up to a limit [podman-tools.usage]", async () => {
    const [one, two] = [await sleeper({ labels: { ...TEST_LABELS, which: "a" } }), await sleeper()];
    await call("podman_stop", { containers: [two], timeout: 0 });
    const namesOf = async (args: object) => {
      const { containers } = (await call("podman_ps", args as Record<string, unknown>)).structuredContent;
      return (containers as { Names: string[] }[]).map(({ Names }) => Names[0] ?? "");
    };
    expect(await namesOf({})).toContain(one);
    expect(await namesOf({})).not.toContain(two);
    expect(await namesOf({ all: true, filters: { name: two } })).toEqual([two]);
    expect(await namesOf({ all: true, filters: { label: "which=a", status: "running" } })).toContain(one);
    expect((await namesOf({ all: true, limit: 1 })).length).toBe(1);
    expect(await codeOf("podman_ps", { limit: 101 })).toBe("INVALID_PARAMS");
    expect(await codeOf("podman_ps", { filters: { name: "" } })).toBe("INVALID_PARAMS");
    expect(await codeOf("podman_ps", { filters: { status: "bogus" } })).toBe("PODMAN_ERROR");
  });

  test("never shows a sandbox, and no verb touches one [podman-tools.sandboxes]", async () => {
    const sandbox = await openSandbox();
    const container = nameOf(sandbox.handle);
    const all = await call("podman_ps", { all: true });
    expect(JSON.stringify(all.structuredContent)).not.toContain(container);
    const id = (await podman(["inspect", "--format", "{{.Id}}", container])).trim();
    for (const name of [container, id, id.slice(0, 12)]) {
      expect(await codeOf("podman_rm", { containers: [name], force: true })).toBe("REFUSED");
      expect(await codeOf("podman_exec", { container: name, command: ["true"] })).toBe("REFUSED");
      expect(await codeOf("podman_inspect", { container: name })).toBe("REFUSED");
    }
    for (const tool of ["logs", "top", "diff", "healthcheck"])
      expect(await codeOf(`podman_${tool}`, { container })).toBe("REFUSED");
    expect(await codeOf("podman_run", runOf({ network: `container:${container}` }))).toBe("REFUSED");
    expect(await codeOf("podman_rmi", { images: [toolImage], force: true })).toBe("REFUSED");
    // The beginning of an id is nobody's name.
    expect(await codeOf("podman_stop", { containers: [id.slice(0, 4)] })).toBe("CONTAINER_NOT_FOUND");
  }, 60_000);
});
