/** Kubernetes YAML and systemd units, on real Podman. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { checkedKube } from "../../src/podman/manage/kube.ts";
import { STRICT } from "../../src/podman/manage/policy.ts";
import { openTools, ownName } from "../support/podman-tools.ts";
import { cleanUpAfterAll, podman, temporaryFolder, testHost, toolImage } from "../support/sandboxes.ts";

cleanUpAfterAll();
const folder = temporaryFolder();
const tools = await openTools();
const own = await openTools({ ownOnly: true });
const LIMIT = 60_000;
const pause = `localhost/podexec-tools-${process.pid}:pause`;
/** Podman makes it for the first pod that is played, and keeps it. */
const kubeNetwork = "podman-default-kube-network";
const hadNetwork = (await podman(["network", "ls", "--quiet"])).split("\n").includes(kubeNetwork);
afterAll(async () => {
  await podman(["rmi", "--force", "--ignore", pause]).catch(() => {});
  if (!hadNetwork) await podman(["network", "rm", kubeNetwork]).catch(() => {});
}, LIMIT);

describe("Kubernetes YAML", () => {
  const pod = (spec: object, metadata: object = {}) =>
    JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", ...metadata }, spec });
  const container = (more: object) => pod({ containers: [{ name: "c", image: "i", ...more }] });

  const codeOf = (yaml: string) => {
    try {
      return checkedKube(yaml, STRICT);
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test.each([
    pod({ hostNetwork: true }),
    pod({ HostPID: true }),
    "kind: Pod\nspec:\n  hostnetwork: yes\n",
    container({ securityContext: { privileged: "true" } }),
    container({ securityContext: { capabilities: { add: ["SYS_ADMIN"] } } }),
    container({ securityContext: { seccompProfile: { type: "Unconfined" } } }),
    container({ resources: { limits: { "podman.io/device=/dev/kvm": 1 } } }),
    pod({ volumes: [{ name: "v", hostPath: { path: "/etc" } }] }),
    pod({ volumes: [{ name: "v", HOSTPATH: { PATH: "/etc" } }] }),
    pod({}, { annotations: { "io.podman.annotations.privileged": "TRUE" } }),
    pod({}, { labels: { podexec: "1" } }),
    JSON.stringify({
      kind: "PersistentVolumeClaim",
      metadata: { name: "v", annotations: { "volume.podman.io/device": "/etc" } },
    }),
    JSON.stringify({ kind: "Deployment", spec: { template: { spec: { hostIPC: true } } } }),
  ])("%p is refused [podman-tools.kube]", (yaml) => {
    expect(codeOf(yaml)).toBe("REFUSED");
  });

  test.each(["", "a: [", "kind: Service2", "- a", "kind: Pod\nmetadata: [x]"])(
    "%p is not Kubernetes' [podman-tools.kube]",
    (yaml) => {
      expect(codeOf(yaml)).toBe("INVALID_PARAMS");
    },
  );

  test("what is allowed is written anew, with podexec's label, and data is left alone [podman-tools.kube]", () => {
    const data = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "m" },
      data: { privileged: "true", hostPath: "x" },
    };
    const { documents, pods } = checkedKube(`${container({})}\n---\n${JSON.stringify(data)}`, STRICT);
    expect(pods).toEqual(["p"]);
    expect(documents.split("\n---\n").map((text) => JSON.parse(text))).toMatchObject([
      { metadata: { labels: { "podexec.managed": "1" } } },
      data,
    ]);
  });

  test(
    "is written of a container and refused for what is not there [podman-tools.kube]",
    async () => {
      const name = await tools.sleeper();
      const { structuredContent } = await tools.call("podman_kube_generate", { names: [name] });
      expect(structuredContent["yaml"]).toContain("kind: Pod");
      expect(structuredContent["yaml"]).toContain(toolImage);
      expect(await tools.codeOf("podman_kube_generate", { names: [ownName("not")] })).toBe("CONTAINER_NOT_FOUND");
      expect(await tools.codeOf("podman_kube_generate", { names: ["--help"] })).toBe("INVALID_PARAMS");
    },
    LIMIT,
  );

  test(
    "is played, and played again in its place [podman-tools.kube]",
    async () => {
      const { adaptation } = await testHost();
      // Podman's own pause program is not on every host, and this host's limits have to be given by configuration.
      const limits = adaptation.runArgs.filter((_, at) => adaptation.runArgs[at - 1] === "--ulimit");
      writeFileSync(join(folder, "Containerfile"), `FROM ${toolImage}\nLABEL podexec.test=1\nCMD ["sleep", "600"]\n`);
      await podman(["build", "--quiet", "--layers=false", ...adaptation.runArgs, "--tag", pause, folder]);
      const conf = join(folder, "containers.conf");
      writeFileSync(
        conf,
        `[engine]\ninfra_image = "${pause}"\n[containers]\ndefault_ulimits = ${JSON.stringify(limits)}\n`,
      );
      process.env["CONTAINERS_CONF"] = conf;
      try {
        const name = ownName("kube");
        const yaml = pod(
          { containers: [{ name: "c", image: toolImage, command: ["sleep", "600"], imagePullPolicy: "Never" }] },
          { name, labels: { "podexec.test": "1" } },
        );
        expect((await tools.call("podman_kube_play", { yaml })).structuredContent).toMatchObject({
          pods: [expect.any(String)],
          containers: [expect.any(String)],
        });
        expect((await own.call("podman_pod_inspect", { name })).structuredContent).toMatchObject({
          pod: { Name: name },
        });
        expect(await tools.codeOf("podman_kube_play", { yaml })).toBe("NAME_IN_USE");
        expect((await own.call("podman_kube_play", { yaml, replace: true })).isError).toBeFalsy();
        expect((await own.call("podman_pod_remove", { names: [name], force: true })).structuredContent).toMatchObject({
          failed: 0,
        });
      } finally {
        delete process.env["CONTAINERS_CONF"];
      }
    },
    LIMIT,
  );
});

test(
  "systemd units are written for a container, and not for what is not there [podman-tools.systemd]",
  async () => {
    const name = await tools.sleeper();
    const { structuredContent } = await tools.call("podman_systemd_generate", { name, restart_policy: "always" });
    expect(structuredContent["units"]).toMatchObject({
      [`container-${name}`]: expect.stringContaining("Restart=always"),
    });
    expect(await tools.codeOf("podman_systemd_generate", { name: ownName("not") })).toBe("CONTAINER_NOT_FOUND");
    expect(await tools.codeOf("podman_systemd_generate", { name, restart_policy: "--files" })).toBe("INVALID_PARAMS");
  },
  LIMIT,
);

test(
  "automatic updates are told by default, and not for all containers with --own-only [podman-tools.systemd]",
  async () => {
    const { structuredContent, isError } = await tools.call("podman_auto_update");
    // A host without systemd says so.
    if (isError)
      expect(structuredContent).toMatchObject({
        code: "PODMAN_ERROR",
        data: { details: expect.stringMatching(/systemd|dbus/i) },
      });
    else expect(structuredContent).toMatchObject({ dry_run: true, updates: expect.any(Array) });
    expect(await own.codeOf("podman_auto_update")).toBe("REFUSED");
  },
  LIMIT,
);
