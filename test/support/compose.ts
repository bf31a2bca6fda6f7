/** Compose files of ordinary shape, and what tests of them leave behind. */
import { afterAll } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { podman, temporaryFolder, toolImage } from "./sandboxes.ts";

/** A web server that waits for a database, and a cache beside it. */
export const WEB = `
name: \${PROJECT:?a name is needed}

x-service: &service
  image: \${IMAGE}
  restart: unless-stopped
  stop_grace_period: 1s

services:
  web:
    <<: *service
    command: sh -c "cp /usr/share/site/index.html /tmp && cd /tmp && exec python3 -m http.server 8080"
    ports:
      - "127.0.0.1:\${PORT:-8080}:8080"
    volumes:
      - ./site:/usr/share/site:ro
    environment:
      DATABASE_URL: postgres://db:5432/\${DATABASE:-app}
      CACHE_URL: redis://cache:6379
    depends_on:
      db:
        condition: service_healthy
      cache:
        condition: service_started
    networks: [front, back]
    logging:
      driver: json-file
  db:
    <<: *service
    command: ["sh", "-c", "sleep 0.5; touch /var/lib/db/ready; exec sleep 600"]
    volumes:
      - type: volume
        source: data
        target: /var/lib/db
    environment:
      - POSTGRES_PASSWORD_FILE=/run/secrets/password
    secrets: [password]
    healthcheck:
      test: ["CMD", "test", "-e", "/var/lib/db/ready"]
      interval: 500ms
      timeout: 5s
      retries: 20
    networks:
      back:
        aliases: [database]
  cache:
    <<: *service
    command: sleep 600
    tmpfs: /data
    networks: [back]
    deploy:
      resources:
        limits: { cpus: "0.50", memory: 64M }

networks:
  front:
  back:
    internal: true
volumes:
  data:
secrets:
  password:
    file: ./password.txt
`;

/** An image of its own, migrations that have to be over, and a healthcheck in the Containerfile's place. */
export const BUILD = `
services:
  app:
    build:
      context: ./app
      dockerfile: Containerfile
      args:
        GREETING: hello
    image: \${PROJECT_IMAGE}
    command: sleep 600
    stop_grace_period: 1s
    user: "1000:1000"
    working_dir: /srv
    healthcheck:
      test: test -e /srv/greeting
      interval: 1s
      retries: 5
    depends_on:
      migrate:
        condition: service_completed_successfully
  migrate:
    image: \${IMAGE}
    command: ["sh", "-c", "echo migrated > /state/done"]
    volumes: ["state:/state"]
  watcher:
    image: \${IMAGE}
    command: sleep 600
    stop_grace_period: 1s
    depends_on:
      app: { condition: service_healthy }
volumes:
  state: {}
`;
export const CONTAINERFILE = `FROM ${toolImage}
ARG GREETING
LABEL podexec.test=1
RUN mkdir -p /srv && echo "$GREETING" > /srv/greeting
`;

/** Profiles, named volumes and env files. */
export const PROFILES = `
services:
  api:
    image: \${IMAGE}
    command: sleep 600
    stop_grace_period: 1s
    env_file:
      - common.env
      - path: missing.env
        required: false
    environment:
      LEVEL: \${LEVEL}
    volumes: [uploads:/uploads]
    hostname: api-host
    extra_hosts: ["service.internal:10.1.2.3"]
    labels:
      org.example.role: api
  debug:
    image: \${IMAGE}
    command: sleep 600
    stop_grace_period: 1s
    profiles: [debug]
    network_mode: service:api
  backup:
    image: \${IMAGE}
    command: sleep 600
    stop_grace_period: 1s
    profiles: [tools]
    volumes: [uploads:/uploads:ro]
volumes:
  uploads:
    labels: { org.example.kind: uploads }
`;

/** A folder with files in it. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const projects = new Set<string>();

/** A name for a project whose objects are removed after the file's tests. */
export function ownProject(what: string): string {
  const name = `podexec-tools-${process.pid}-${what}`;
  projects.add(name);
  return name;
}

/** To be called at the top of a test file. */
export function removeProjectsAfterAll(): void {
  afterAll(async () => {
    for (const project of projects) {
      const label = ["--filter", `label=io.podman.compose.project=${project}`];
      const left = (await podman(["ps", "--all", "--quiet", ...label])).split("\n").filter(Boolean);
      if (left.length > 0) await podman(["rm", "--force", "--volumes", "--time", "0", ...left]);
      for (const kind of ["network", "volume"]) {
        const names = (await podman([kind, "ls", "--quiet", ...label])).split("\n").filter(Boolean);
        if (names.length > 0) await podman([kind, "rm", "--force", ...names]);
      }
    }
  }, 120_000);
}

/** A port of this host that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}
