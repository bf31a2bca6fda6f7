/** Networks, volumes, pods, secrets and what is unused, on real Podman. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { openTools, ownName, TEST_LABELS, type Tools } from "../support/podman-tools.ts";
import { cleanUpAfterAll, podman, temporaryFolder, toolImage } from "../support/sandboxes.ts";

cleanUpAfterAll();
const folder = temporaryFolder();
const tools = await openTools();
const own = await openTools({ ownOnly: true });
const LIMIT = 60_000;
const labels = TEST_LABELS;
const prefix = `podexec-tools-${process.pid}-`;

afterAll(async () => {
  for (const [kind, list] of [
    ["pod", ["pod", "ps", "--format", "{{.Name}}"]],
    ["volume", ["volume", "ls", "--format", "{{.Name}}"]],
    ["network", ["network", "ls", "--format", "{{.Name}}"]],
    ["secret", ["secret", "ls", "--format", "{{.Name}}"]],
  ] as const) {
    const names = (await podman([...list])).split("\n").filter((name) => name.startsWith(prefix));
    if (names.length > 0) await podman([kind, "rm", ...(kind === "secret" ? [] : ["--force"]), ...names]);
  }
}, LIMIT);

/** What every kind of object does alike. */
const KINDS = [
  { kind: "network", list: "networks", notFound: "NETWORK_NOT_FOUND", create: {} },
  { kind: "volume", list: "volumes", notFound: "VOLUME_NOT_FOUND", create: {} },
  { kind: "pod", list: "pods", notFound: "POD_NOT_FOUND", create: { infra: false } },
  { kind: "secret", list: "secrets", notFound: "SECRET_NOT_FOUND", create: { value: "never seen" } },
];

describe.each(KINDS)("a $kind", ({ kind, list, notFound, create }) => {
  const name = ownName(kind);
  const listed = async (by: Tools) =>
    JSON.stringify((await by.call(`podman_${kind}_list`, { limit: 100 })).structuredContent[list]);

  test(
    "is created, listed, inspected and removed [podman-tools.objects, podman-tools.secrets]",
    async () => {
      const made = await tools.call(`podman_${kind}_create`, { name, labels, ...create });
      expect(made.structuredContent).toMatchObject({ name });
      expect(await listed(tools)).toContain(name);
      const seen = await own.call(`podman_${kind}_inspect`, { name });
      expect(JSON.stringify(seen.structuredContent)).toContain('"podexec.managed":"1"');
      expect(await tools.codeOf(`podman_${kind}_create`, { name, labels, ...create })).toBe("NAME_IN_USE");
      const gone = await own.call(`podman_${kind}_remove`, { names: [name, `${name}-not`] });
      expect(gone.structuredContent).toMatchObject({
        results: [
          { name, ok: true },
          { ok: false, error: { code: notFound } },
        ],
        failed: 1,
      });
      expect(await listed(tools)).not.toContain(name);
    },
    LIMIT,
  );

  test(
    "that is not there or has no name is refused [podman-tools.objects, podman-tools.secrets]",
    async () => {
      expect(await tools.codeOf(`podman_${kind}_inspect`, { name: `${name}-not` })).toBe(notFound);
      expect(await tools.codeOf(`podman_${kind}_remove`, { names: [`${name}-not`] })).toBe(notFound);
      for (const wrong of ["--all", "a b", "../x", ""]) {
        expect(await tools.codeOf(`podman_${kind}_inspect`, { name: wrong })).toBe("INVALID_PARAMS");
        expect(await tools.codeOf(`podman_${kind}_create`, { ...create, name: wrong })).toBe("INVALID_PARAMS");
      }
      expect(await tools.codeOf(`podman_${kind}_create`, { ...create, name, labels: { podexec: "1" } })).toBe(
        "REFUSED",
      );
      expect(await tools.codeOf(`podman_${kind}_create`, { ...create, name, labels: { a: "b,podexec=1" } })).toBe(
        "INVALID_PARAMS",
      );
    },
    LIMIT,
  );

  test(
    "of somebody else is neither seen nor touched with --own-only [podman-tools.own]",
    async () => {
      const other = ownName(kind);
      if (kind === "secret") {
        writeFileSync(join(folder, other), "x");
        await podman(["secret", "create", "--label", "podexec.test=1", other, join(folder, other)]);
      } else
        await podman([
          kind,
          "create",
          ...(kind === "pod" ? ["--infra=false"] : []),
          "--label",
          "podexec.test=1",
          other,
        ]);
      expect(await listed(own)).not.toContain(other);
      expect(await own.codeOf(`podman_${kind}_inspect`, { name: other })).toBe("REFUSED");
      expect(await own.codeOf(`podman_${kind}_remove`, { names: [other] })).toBe("REFUSED");
      expect(await listed(tools)).toContain(other);
    },
    LIMIT,
  );
});

test(
  "a network has its subnet, and what uses it is told [podman-tools.objects]",
  async () => {
    const name = ownName("net");
    const made = await tools.call("podman_network_create", {
      name,
      labels,
      internal: true,
      subnet: "10.213.77.0/24",
      gateway: "10.213.77.9",
    });
    expect(made.isError).toBeFalsy();
    const { structuredContent } = await tools.call("podman_network_inspect", { name });
    expect(structuredContent).toMatchObject({
      network: { internal: true, subnets: [{ subnet: "10.213.77.0/24", gateway: "10.213.77.9" }] },
    });
    const container = await tools.sleeper({ network: name });
    expect(await tools.codeOf("podman_network_remove", { names: [name] })).toBe("IN_USE");
    await tools.call("podman_network_remove", { names: [name], force: true });
    expect(await tools.codeOf("podman_inspect", { container })).not.toBeUndefined();
    expect(await tools.codeOf("podman_network_create", { name, subnet: "10.0.0.0/8 --privileged" })).toBe(
      "INVALID_PARAMS",
    );
  },
  LIMIT,
);

test(
  "a volume is on disk or in memory, never a folder of the host [podman-tools.objects]",
  async () => {
    const name = ownName("vol");
    expect((await tools.call("podman_volume_create", { name, labels, memory: true })).isError).toBeFalsy();
    expect((await tools.call("podman_volume_inspect", { name })).structuredContent).toMatchObject({
      volume: { Options: { type: "tmpfs" } },
    });
    expect(
      await tools.codeOf("podman_volume_create", { name, options: { type: "none", o: "bind", device: "/etc" } }),
    ).toBe("INVALID_PARAMS");
    expect(await tools.codeOf("podman_volume_create", { name, memory: "bind" })).toBe("INVALID_PARAMS");
  },
  LIMIT,
);

test(
  "a secret reaches a container and nobody else [podman-tools.secrets]",
  async () => {
    const name = ownName("secret");
    const made = await tools.call("podman_secret_create", { name, value: "the-hidden-word", labels });
    const [inspected, list] = [
      await tools.call("podman_secret_inspect", { name }),
      await tools.call("podman_secret_list", { limit: 100 }),
    ];
    expect(JSON.stringify([made, inspected, list])).not.toContain("the-hidden-word");
    const command = ["cat", `/run/secrets/${name}`];
    const ran = await tools.call("podman_run", {
      image: toolImage,
      network: "none",
      labels,
      detach: false,
      remove: true,
      secrets: [name],
      command,
    });
    expect(ran.structuredContent).toMatchObject({ retval: 0, stdout: "the-hidden-word" });
  },
  LIMIT,
);

describe("podman_prune", () => {
  const label = `podexec.prune=${process.pid}`;
  const make = async () => {
    const [container, volume] = [ownName("ended"), ownName("unused")];
    await podman(["create", "--name", container, "--label", label, toolImage, "true"]);
    await podman(["volume", "create", "--label", label, volume]);
    return { container, volume };
  };

  test(
    "tells what is unused and removes it only where asked for [podman-tools.prune]",
    async () => {
      const { container, volume } = await make();
      const told = await tools.call("podman_prune", { label });
      expect(told.structuredContent).toMatchObject({
        dry_run: true,
        total: 1,
        removed: [],
        unused: [{ kind: "containers", name: container }],
      });
      const gone = await tools.call("podman_prune", { label, dry_run: false, what: ["containers", "volumes"] });
      const removed = gone.structuredContent["removed"] as { name: string }[];
      expect(removed.map(({ name }) => name)).toEqual([container, volume]);
      expect(
        (await tools.call("podman_prune", { label, what: ["containers", "volumes"] })).structuredContent,
      ).toMatchObject({ total: 0 });
    },
    LIMIT,
  );

  test(
    "with --own-only finds nothing of others, and never the sandboxes' image [podman-tools.prune, podman-tools.own]",
    async () => {
      const { container, volume } = await make();
      const told = await own.call("podman_prune", { label, what: ["containers", "volumes"] });
      expect(told.structuredContent).toMatchObject({ total: 0 });
      await podman(["rm", container]);
      await podman(["volume", "rm", volume]);
      const images = await tools.call("podman_prune", { what: ["images"], all_images: true });
      expect(JSON.stringify(images.structuredContent)).not.toContain(toolImage);
      expect(await tools.codeOf("podman_prune", { what: ["everything"] })).toBe("INVALID_PARAMS");
      expect(await tools.codeOf("podman_prune", { label: "a\nb" })).toBe("INVALID_PARAMS");
    },
    LIMIT,
  );
});
