/** Compose files brought up and taken down on real Podman, through the SDK's client. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import {
  BUILD,
  CONTAINERFILE,
  folderWith,
  freePort,
  ownProject,
  PROFILES,
  removeProjectsAfterAll,
  WEB,
} from "../support/compose.ts";
import { openTools } from "../support/podman-tools.ts";
import { cleanUpAfterAll, podman, temporaryFolder, toolImage, until } from "../support/sandboxes.ts";

cleanUpAfterAll();
removeProjectsAfterAll();

const LIMIT = 120_000;
const webFolder = folderWith({ "compose.yml": WEB, "site/index.html": "it works", "password.txt": "s3cret-word" });
const buildFolder = folderWith({ "docker-compose.yml": BUILD, "app/Containerfile": CONTAINERFILE });
const profilesFolder = folderWith({
  "compose.yaml": PROFILES,
  "common.env": "# all\nCOLOR=blue\nLEVEL=file\n",
  ".env": `IMAGE=${toolImage}\nLEVEL=high\n`,
});
const brokenFolder = temporaryFolder();
const tools = await openTools({ mounts: [webFolder, buildFolder, profilesFolder, brokenFolder] });
const own = await openTools({ mounts: [webFolder, buildFolder, profilesFolder, brokenFolder], ownOnly: true });

const projectLabel = (project: string) => `label=io.podman.compose.project=${project}`;
const containersOf = async (project: string) =>
  (await podman(["ps", "--all", "--filter", projectLabel(project), "--format", "{{.ID}} {{.Names}}"]))
    .trim()
    .split("\n")
    .filter(Boolean);
const actionsOf = (result: Record<string, unknown>) =>
  Object.fromEntries(
    (result["services"] as { service: string; action: string }[]).map(({ service, action }) => [service, action]),
  );
const write = (content: string, name = "compose.yml") => {
  writeFileSync(join(brokenFolder, name), content);
  return join(brokenFolder, name);
};

describe("a web server with a database and a cache", () => {
  const project = ownProject("web");
  const file = join(webFolder, "compose.yml");
  let env: Record<string, string> = {};

  test(
    "comes up in order, answers on its port, and tells what is left out [podman-tools.compose]",
    async () => {
      env = { PROJECT: project, IMAGE: toolImage, PORT: String(await freePort()) };
      const told: string[] = [];
      const { structuredContent: result } = await tools.call(
        "podman_compose_up",
        { file, env },
        { onprogress: ({ message }) => told.push(message ?? "") },
      );
      expect(result).toMatchObject({ project, unsupported: ["services.web.logging"], orphans: [] });
      expect((result["services"] as { service: string }[]).map(({ service }) => service)).toEqual([
        "db",
        "cache",
        "web",
      ]);
      expect(result["created"]).toMatchObject({
        networks: [`${project}_front`, `${project}_back`],
        volumes: [`${project}_data`],
      });
      expect(told.join("")).toContain("web waits for db: service_healthy");
      const url = `http://127.0.0.1:${env["PORT"]}/`;
      await until("the web server answers", async () => (await fetch(url).catch(() => undefined))?.ok === true);
      expect(await (await fetch(url)).text()).toBe("it works");
    },
    LIMIT,
  );

  test(
    "has names, secrets and limits as the file says [podman-tools.compose]",
    async () => {
      const web = (command: string) => podman(["exec", `${project}-web-1`, "sh", "-c", command]);
      expect(await web("getent hosts database cache | wc -l; echo $DATABASE_URL")).toBe("2\npostgres://db:5432/app\n");
      expect(await podman(["exec", `${project}-db-1`, "cat", "/run/secrets/password"])).toBe("s3cret-word");
      const limits = await podman([
        "inspect",
        `${project}-cache-1`,
        "--format",
        "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}",
      ]);
      expect(limits).toBe("67108864 500000000\n");
    },
    LIMIT,
  );

  test(
    "stays as it is when it is brought up again; only what changed is made anew [podman-tools.compose-again]",
    async () => {
      const before = await containersOf(project);
      const { structuredContent: same } = await tools.call("podman_compose_up", { file, env });
      expect(actionsOf(same)).toEqual({ db: "unchanged", cache: "unchanged", web: "unchanged" });
      expect(same["created"]).toEqual({ networks: [], volumes: [], secrets: [] });
      expect(await containersOf(project)).toEqual(before);
      await podman(["stop", "--time", "0", `${project}-cache-1`]);
      const { structuredContent: changed } = await tools.call("podman_compose_up", {
        file,
        env: { ...env, DATABASE: "other" },
      });
      expect(actionsOf(changed)).toEqual({ db: "unchanged", cache: "started", web: "recreated" });
      expect(await containersOf(project)).toHaveLength(3);
    },
    LIMIT,
  );

  test(
    "comes back as it was where making a container anew fails [podman-tools.compose-rollback]",
    async () => {
      const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
      try {
        const before = await containersOf(project);
        const { structuredContent } = await tools.call("podman_compose_up", {
          file,
          env: { ...env, PORT: String(taken.port) },
        });
        expect(structuredContent).toMatchObject({
          code: "PORT_IN_USE",
          data: { details: expect.stringContaining(`${project}-web-1 runs again`) },
        });
        expect((await containersOf(project)).toSorted()).toEqual(before.toSorted());
        expect(await podman(["inspect", `${project}-web-1`, "--format", "{{.State.Status}}"])).toBe("running\n");
      } finally {
        taken.stop(true);
      }
    },
    LIMIT,
  );

  test(
    "goes down by the project's name alone, with its volumes only where asked for [podman-tools.compose-down]",
    async () => {
      const down = { project_name: project };
      const { structuredContent: first } = await tools.call("podman_compose_down", down);
      expect(first).toMatchObject({
        project,
        kept: [],
        removed: { volumes: [], secrets: [expect.stringContaining("password")] },
      });
      expect((first["removed"] as Record<string, string[]>)["containers"]).toHaveLength(3);
      expect((first["removed"] as Record<string, string[]>)["networks"]).toHaveLength(2);
      const { structuredContent: second } = await tools.call("podman_compose_down", { ...down, volumes: true });
      expect(second).toMatchObject({
        removed: { containers: [], networks: [], volumes: [`${project}_data`], secrets: [] },
      });
      expect(await containersOf(project)).toEqual([]);
    },
    LIMIT,
  );
});

describe("a project that builds its image", () => {
  const project = ownProject("build");
  const image = `localhost/podexec-tools-${process.pid}:built`;
  const env = { IMAGE: toolImage, PROJECT_IMAGE: image };
  const file = join(buildFolder, "docker-compose.yml");
  afterAll(async () => void (await podman(["rmi", "--force", "--ignore", image]).catch(() => {})), LIMIT);

  test(
    "is built, waits for what has to end and for health, and goes down by its file [podman-tools.compose]",
    async () => {
      const { structuredContent: up } = await tools.call("podman_compose_up", { file, project_name: project, env });
      expect(actionsOf(up)).toEqual({ migrate: "created", app: "created", watcher: "created" });
      expect(await podman(["exec", `${project}-app-1`, "sh", "-c", "cat greeting; id -u"])).toBe("hello\n1000\n");
      const down = await tools.call("podman_compose_down", { file, project_name: project, volumes: true });
      expect(down.structuredContent).toMatchObject({ removed: { volumes: [`${project}_state`] }, kept: [] });
    },
    LIMIT,
  );

  test(
    "tells a build that fails with the build's words [podman-tools.compose-rollback]",
    async () => {
      writeFileSync(join(buildFolder, "app/Containerfile"), `FROM ${toolImage}\nRUN echo so it goes >&2; exit 7\n`);
      const { structuredContent } = await tools.call("podman_compose_up", {
        file,
        project_name: project,
        env,
        build: true,
      });
      expect(structuredContent).toMatchObject({
        code: "BUILD_FAILED",
        data: { details: expect.stringContaining("so it goes") },
      });
      expect(await containersOf(project)).toEqual([]);
    },
    LIMIT,
  );
});

describe("a project with profiles, env files and named volumes", () => {
  const project = ownProject("profiles");
  const file = join(profilesFolder, "compose.yaml");

  test(
    "starts what its profiles say, with .env and env files in their order [podman-tools.compose]",
    async () => {
      const up = await tools.call("podman_compose_up", { file, project_name: project, profiles: ["debug"] });
      expect(actionsOf(up.structuredContent)).toEqual({ api: "created", debug: "created" });
      const seen = await podman([
        "exec",
        `${project}-api-1`,
        "sh",
        "-c",
        "echo $COLOR $LEVEL $(hostname); grep service.internal /etc/hosts",
      ]);
      expect(seen).toMatch(/^blue high api-host\n10\.1\.2\.3\s+service\.internal\n$/);
      const backup = await tools.call("podman_compose_up", { file, project_name: project, services: ["backup"] });
      expect(actionsOf(backup.structuredContent)).toEqual({ backup: "created" });
      expect(await containersOf(project)).toHaveLength(3);
    },
    LIMIT,
  );

  test(
    "is seen with --own-only, and goes down with what shares its network [podman-tools.compose-down]",
    async () => {
      const { structuredContent } = await own.call("podman_compose_down", { project_name: project, volumes: true });
      expect((structuredContent["removed"] as Record<string, string[]>)["containers"]).toHaveLength(3);
      expect(structuredContent).toMatchObject({ removed: { volumes: [`${project}_uploads`] }, kept: [] });
    },
    LIMIT,
  );
});

describe("a project that cannot come up", () => {
  test(
    "leaves nothing behind where a service never becomes healthy, and shows its log [podman-tools.compose-rollback]",
    async () => {
      const project = ownProject("sick");
      const sick = `{ image: "${toolImage}", command: ["sh", "-c", "echo I am ill; exec sleep 60"], volumes: ["v:/v"], healthcheck: { test: "exit 1", interval: 200ms, timeout: 1s, retries: 2 } }`;
      const file = write(
        `services:\n  db: ${sick}\n  web: { image: "${toolImage}", depends_on: { db: { condition: service_healthy } } }\nvolumes: { v: {} }\n`,
      );
      const { structuredContent } = await tools.call("podman_compose_up", { file, project_name: project });
      expect(structuredContent).toMatchObject({
        code: "SERVICE_FAILED",
        message: expect.stringContaining("db did not become healthy"),
        data: { details: expect.stringContaining("I am ill") },
      });
      expect(await containersOf(project)).toEqual([]);
      expect(await podman(["volume", "ls", "--quiet", "--filter", projectLabel(project)])).toBe("");
      expect(await podman(["network", "ls", "--quiet", "--filter", projectLabel(project)])).toBe("");
    },
    LIMIT,
  );

  test(
    "names an image that is not there and has made nothing [podman-tools.compose-rollback]",
    async () => {
      const project = ownProject("imageless");
      const file = write("services: { a: { image: localhost/podexec-no-such-image:1, pull_policy: never } }");
      const { structuredContent } = await tools.call("podman_compose_up", { file, project_name: project });
      expect(structuredContent).toMatchObject({ code: "IMAGE_NOT_FOUND" });
      expect(await podman(["network", "ls", "--quiet", "--filter", projectLabel(project)])).toBe("");
    },
    LIMIT,
  );

  test(
    "leaves nothing where the client gives up [podman-tools.compose-rollback]",
    async () => {
      const project = ownProject("cancelled");
      const file = write(
        `services:\n  slow: { image: "${toolImage}", command: sleep 60 }\n  web: { image: "${toolImage}", depends_on: { slow: { condition: service_completed_successfully } } }\n`,
      );
      const stop = new AbortController();
      const onprogress = ({ message = "" }: { message?: string | undefined }) =>
        message.includes("waits for") && stop.abort();
      const call = tools.call(
        "podman_compose_up",
        { file, project_name: project },
        { signal: stop.signal, onprogress },
      );
      expect(await call.then(() => "answered").catch(() => "given up")).toBe("given up");
      await until("nothing is left", async () => (await containersOf(project)).length === 0, 30_000);
    },
    LIMIT,
  );
});
