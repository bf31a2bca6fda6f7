/** What compose files may not, and following one, on real Podman, through the SDK's client. */
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { folderWith, ownProject, removeProjectsAfterAll, WEB } from "../support/compose.ts";
import { openTools } from "../support/podman-tools.ts";
import { cleanUpAfterAll, podman, temporaryFolder, toolImage } from "../support/sandboxes.ts";

cleanUpAfterAll();
removeProjectsAfterAll();

const LIMIT = 60_000;
const webFolder = folderWith({ "compose.yml": WEB, "site/index.html": "it works", "password.txt": "s3cret-word" });
const folder = temporaryFolder();
const tools = await openTools({ mounts: [folder] });
const own = await openTools({ mounts: [folder], ownOnly: true });
const provided = await openTools({ mounts: [webFolder] }, { composeProvider: true });

const write = (content: string) => {
  writeFileSync(join(folder, "compose.yml"), content);
  return join(folder, "compose.yml");
};

describe("what a compose file may not", () => {
  const image = toolImage;
  test.each([
    [{ privileged: true }, "REFUSED"],
    [{ network_mode: "host" }, "REFUSED"],
    [{ pid: "host" }, "REFUSED"],
    [{ cap_add: ["SYS_ADMIN"] }, "REFUSED"],
    [{ devices: ["/dev/fuse"] }, "REFUSED"],
    [{ security_opt: ["seccomp=unconfined"] }, "REFUSED"],
    [{ volumes: ["/etc:/host"] }, "REFUSED"],
    [{ volumes: ["../../etc:/host"] }, "REFUSED"],
    [{ env_file: "/etc/hostname" }, "REFUSED"],
    [{ build: "/etc" }, "REFUSED"],
    [{ labels: { podexec: "1" } }, "REFUSED"],
    [{ labels: { "com.docker.compose.project": "other" } }, "REFUSED"],
    [{ image: "--privileged" }, "INVALID_IMAGE_NAME"],
    [{ container_name: "--help" }, "INVALID_CONTAINER_NAME"],
    [{ extends: { service: "other" } }, "INVALID_PARAMS"],
    [{ ports: ["80:99999"] }, "INVALID_PARAMS"],
    [{ depends_on: ["nobody"] }, "INVALID_PARAMS"],
    [{ network_mode: "container:other" }, "INVALID_PARAMS"],
    [{ networks: { default: { aliases: ["a,mac=02:00:00:00:00:01"] } } }, "INVALID_PARAMS"],
  ])(
    "%p is refused before anything is made [podman-tools.compose-policy]",
    async (service, code) => {
      const file = write(JSON.stringify({ services: { a: { image, ...service } } }));
      expect(await tools.codeOf("podman_compose_up", { file, project_name: ownProject("refused") })).toBe(code);
    },
    LIMIT,
  );

  test.each([
    ["volumes: { v: { driver_opts: { type: none, o: bind, device: /etc } } }", "REFUSED"],
    ["networks: { n: { driver: macvlan } }", "REFUSED"],
    ["secrets: { s: { file: /etc/hostname } }", "REFUSED"],
    ["include: other.yml", "INVALID_PARAMS"],
    ["volumes: { v: { external: true, name: podexec-no-such } }", "VOLUME_NOT_FOUND"],
    ["a: [", "INVALID_PARAMS"],
  ])(
    "%p is refused [podman-tools.compose-policy]",
    async (more, code) => {
      const file = write(
        `services: { a: { image: "${image}", volumes: ["v:/v"] } }\n${more.startsWith("volumes") ? "" : "volumes: { v: {} }\n"}${more}\n`,
      );
      expect(await tools.codeOf("podman_compose_up", { file, project_name: ownProject("refused") })).toBe(code);
    },
    LIMIT,
  );

  test(
    "files are read below allowed folders only, whatever the way to them [podman-tools.compose-policy]",
    async () => {
      symlinkSync("/etc/hostname", join(folder, "link.yml"));
      for (const file of [
        "/etc/hostname",
        join(folder, "link.yml"),
        join(folder, "../no-such-file"),
        "../../etc/passwd",
      ])
        expect([file, await tools.codeOf("podman_compose_up", { file })]).toEqual([file, "REFUSED"]);
      expect(await tools.codeOf("podman_compose_up", { file: join(folder, "none.yml") })).toBe("FILE_NOT_FOUND");
      expect(await tools.codeOf("podman_compose_up", { file: "docker-compose.yml" })).toBe("FILE_NOT_FOUND");
      expect(await tools.codeOf("podman_compose_down", { project_name: "--all" })).toBe("INVALID_PARAMS");
    },
    LIMIT,
  );

  test(
    "with --own-only a container of that project that is not podexec's stays [podman-tools.own]",
    async () => {
      const project = ownProject("foreign");
      const name = `${project}-other`;
      await podman([
        "create",
        "--name",
        name,
        "--label",
        "podexec.test=1",
        "--label",
        `io.podman.compose.project=${project}`,
        image,
        "true",
      ]);
      const { structuredContent } = await own.call("podman_compose_down", { project_name: project });
      expect(structuredContent).toMatchObject({ removed: { containers: [] } });
      expect(await podman(["ps", "--all", "--filter", `name=^${name}$`, "--format", "{{.Names}}"])).toBe(`${name}\n`);
    },
    LIMIT,
  );

  test(
    "with --compose-provider the same is refused, and a missing provider is named [podman-tools.compose-provider]",
    async () => {
      const env = { PROJECT: ownProject("provided"), IMAGE: image };
      const { structuredContent } = await provided.call("podman_compose_up", {
        file: join(webFolder, "compose.yml"),
        env,
      });
      expect(structuredContent).toMatchObject({
        code: "PODMAN_ERROR",
        data: { hint: expect.stringContaining("docker-compose or podman-compose") },
      });
      writeFileSync(join(webFolder, "bad.yml"), JSON.stringify({ services: { a: { image, privileged: true } } }));
      expect(await provided.codeOf("podman_compose_up", { file: join(webFolder, "bad.yml") })).toBe("REFUSED");
    },
    LIMIT,
  );
});

test(
  "with `detach: false` the logs come as progress until all have ended [podman-tools.compose]",
  async () => {
    const project = ownProject("attached");
    const file = write(
      `services: { one: { image: "${toolImage}", command: ["sh", "-c", "echo first; sleep 1; echo last"], network_mode: none } }`,
    );
    const told: string[] = [];
    const { structuredContent } = await tools.call(
      "podman_compose_up",
      { file, project_name: project, detach: false },
      { onprogress: ({ message }) => told.push(message ?? "") },
    );
    expect(structuredContent["logs"]).toBe("one | first\none | last");
    expect(told.join("")).toContain("one | first");
    await tools.call("podman_compose_down", { project_name: project });
  },
  LIMIT,
);
