/** What the podman tools refuse, what the operator can allow, and which tools are offered; on real Podman. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { select, USUAL } from "../../src/mcp/selection.ts";
import { tools } from "../../src/mcp/tools/index.ts";
import { Podman } from "../../src/podman/client.ts";
import { openTools, ownName, TEST_LABELS } from "../support/podman-tools.ts";
import { cleanUpAfterAll, podman, temporaryFolder, testHost, toolImage } from "../support/sandboxes.ts";

cleanUpAfterAll();
const folder = temporaryFolder();
const strict = await openTools();
const allowing = await openTools({
  mounts: [join(folder, "allowed")],
  privileged: true,
  hostNamespaces: true,
  capabilities: ["net_admin"],
  devices: ["/dev/null"],
});
const own = await openTools({ ownOnly: true });
const absent = await openTools({}, { podman: new Podman({ program: "/no/such/podman" }) });
// A remote Podman knows no flags of the runtime.
const silent = await openTools(
  {},
  {
    podman: new Podman({ globalArgs: ["--url", `unix://${folder}/none.sock`] }),
    adaptation: { ...(await testHost()).adaptation, globalArgs: [], remote: true },
  },
);

mkdirSync(join(folder, "allowed/inner"), { recursive: true });
writeFileSync(join(folder, "allowed/inner/file"), "seen");
symlinkSync("/etc", join(folder, "allowed/etc"));
symlinkSync(join(folder, "allowed/inner"), join(folder, "in"));

const run = (changes: Record<string, unknown>) => ({
  image: toolImage,
  network: "none",
  labels: TEST_LABELS,
  detach: false,
  remove: true,
  command: ["true"],
  ...changes,
});

describe("podman_run", () => {
  test.each([
    [{ privileged: true }, "--allow-privileged"],
    [{ network: "host" }, "--allow-host-namespaces"],
    [{ host_namespaces: ["pid"] }, "--allow-host-namespaces"],
    [{ cap_add: ["NET_ADMIN"] }, "--allow-cap net_admin"],
    [{ cap_add: ["all"] }, "--allow-cap all"],
    [{ devices: ["/dev/fuse"] }, "--allow-device /dev/fuse"],
    [{ volumes: ["/:/host"] }, "--allow-mount"],
    [{ volumes: ["/run/podman/podman.sock:/sock"] }, "--allow-mount"],
  ])("refuses %p and names the flag that allows it [podman-tools.policy]", async (changes, flag) => {
    const { structuredContent } = await strict.call("podman_run", run(changes));
    expect(structuredContent).toMatchObject({ code: "REFUSED", data: { hint: expect.stringContaining(flag) } });
  });

  test("gives what the operator allows, and no more than that [podman-tools.policy]", async () => {
    const command = ["sh", "-c", "cat /m/file; grep CapEff /proc/self/status; test -e /dev/null"];
    const inner = join(folder, "allowed/inner");
    const some = run({ volumes: [`${inner}:/m:ro`], cap_add: ["CAP_NET_ADMIN"], devices: ["/dev/null"], command });
    expect((await allowing.call("podman_run", some)).structuredContent).toMatchObject({
      retval: 0,
      stdout: expect.stringMatching(/^seenCapEff:\t[0-9a-f]+[1357]?[0-9a-f]{3}/),
    });
    for (const host of [
      `${folder}/allowed/etc`,
      `${folder}/allowed/../x`,
      folder,
      "/",
      `${folder}/allowedX`,
      "../etc",
    ]) {
      const code = await allowing.codeOf("podman_run", run({ volumes: [`${host}:/m`] }));
      expect([host, code]).toEqual([host, host === "../etc" ? "INVALID_PARAMS" : "REFUSED"]);
    }
    expect(await allowing.codeOf("podman_run", run({ cap_add: ["sys_admin"] }))).toBe("REFUSED");
    expect(await allowing.codeOf("podman_run", run({ devices: ["/dev/mem"] }))).toBe("REFUSED");
    const link = await allowing.call("podman_run", run({ volumes: [`${folder}/in:/m`], command: ["cat", "/m/file"] }));
    expect(link.structuredContent).toMatchObject({ stdout: "seen" });
    const host = await allowing.call("podman_run", run({ network: "host", privileged: true }));
    expect(host.structuredContent).toMatchObject({ retval: 0 });
  }, 60_000);
});

test("a Podman that is not there or does not answer is told as that, by every tool [podman-tools.failure]", async () => {
  for (const { codeOf } of [absent, silent]) {
    expect(await codeOf("podman_ps")).toBe("PODMAN_NOT_CONNECTED");
    expect(await codeOf("podman_logs", { container: "any" })).toBe("PODMAN_NOT_CONNECTED");
    expect(await codeOf("podman_stop", { containers: ["any"] })).toBe("PODMAN_NOT_CONNECTED");
    expect(await codeOf("podman_run", run({}))).toBe("PODMAN_NOT_CONNECTED");
    expect(await codeOf("podman_events")).toBe("PODMAN_NOT_CONNECTED");
  }
}, 30_000);

describe("with --own-only", () => {
  test("nothing is seen or touched but what podexec made [podman-tools.own]", async () => {
    const { adaptation } = await testHost();
    const foreign = ownName("foreign");
    const flags = ["--label", "podexec.test=1", "--network", "none", "--entrypoint", "sleep", ...adaptation.runArgs];
    await podman(["run", "--detach", "--name", foreign, ...flags, toolImage, "300"]);
    const mine = await own.sleeper();
    const listed = JSON.stringify((await own.call("podman_ps", { all: true })).structuredContent);
    expect([listed.includes(mine), listed.includes(foreign)]).toEqual([true, false]);
    const container = foreign;
    const containers = [foreign];
    const calls: [string, Record<string, unknown>][] = [
      ...["stop", "start", "restart", "rm", "stats"].map((verb): [string, object] => [verb, { containers }]),
      ...["logs", "inspect", "top", "diff", "healthcheck"].map((verb): [string, object] => [verb, { container }]),
      ["exec", { container, command: ["true"] }],
      ["cp", { source: `${foreign}:/etc/hosts`, destination: `${mine}:/tmp/x` }],
      ["run", run({ network: `container:${foreign}` })],
      ["rmi", { images: [toolImage] }],
      ["tag", { image: toolImage, tags: ["localhost/x:1"] }],
    ] as [string, Record<string, unknown>][];
    for (const [verb, args] of calls)
      expect([verb, await own.codeOf(`podman_${verb}`, args)]).toEqual([verb, "REFUSED"]);
    const volume = ownName("volume");
    await podman(["volume", "create", "--label", "podexec.test=1", volume]);
    const [foreignVolume, ownVolume] = [volume, ownName("volume")];
    expect(await own.codeOf("podman_run", run({ volumes: [`${foreignVolume}:/v`] }))).toBe("REFUSED");
    for (const _ of [1, 2])
      expect(await own.codeOf("podman_run", run({ volumes: [`${ownVolume}:/v`] }))).toBeUndefined();
    await podman(["volume", "rm", foreignVolume, ownVolume]);
    const { stats } = (await own.call("podman_stats")).structuredContent;
    const { events } = (await own.call("podman_events", { since: "10m" })).structuredContent;
    for (const told of [stats, events]) expect(JSON.stringify(told)).not.toContain(foreign);
    expect(
      (await own.call("podman_rm", { containers: [mine], force: true, timeout: 0 })).structuredContent["failed"],
    ).toBe(0);
    expect(await strict.codeOf("podman_rm", { containers, force: true, timeout: 0 })).toBeUndefined();
  }, 60_000);
});

describe("the selection", () => {
  const namesOf = (changes: object) => select(tools, { ...USUAL, ...changes }).map(({ name }) => name);
  const both = { toolsets: ["sandbox", "podman"] };

  test("is by toolset: only sandboxes unless the operator says so [podman-tools.select]", async () => {
    expect(namesOf({}).filter((name) => name.startsWith("podman_"))).toEqual([]);
    expect(namesOf(both).length).toBe(tools.length);
    expect((await strict.names()).every((name) => name.startsWith("podman_"))).toBe(true);
  });

  test("is by name, in place of toolsets; a wrong name is told [podman-tools.select]", () => {
    expect(namesOf({ tools: ["podman_ps", "shell_exec"] })).toEqual(["shell_exec", "podman_ps"]);
    expect(() => namesOf({ tools: ["podman_nothing"] })).toThrow(/no tool "podman_nothing"/);
    expect(() => namesOf({ tools: ["podman_rm"], readOnly: true })).toThrow(/no tool is left/);
  });

  test("leaves only what reads, or nothing that destroys [podman-tools.select]", () => {
    const reading = namesOf({ ...both, readOnly: true });
    expect(reading).toEqual(expect.arrayContaining(["podman_ps", "podman_logs", "podman_inspect", "file_read"]));
    for (const name of ["podman_run", "podman_exec", "podman_stop", "podman_pull", "shell_exec", "file_write"]) {
      expect(reading).not.toContain(name);
    }
    const mild = namesOf({ ...both, destructive: false });
    expect(mild).toEqual(expect.arrayContaining(["podman_run", "podman_start", "podman_pull"]));
    for (const name of ["podman_rm", "podman_rmi", "podman_exec", "podman_stop"]) expect(mild).not.toContain(name);
  });
});
