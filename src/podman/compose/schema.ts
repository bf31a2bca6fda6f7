/** The compose specification as far as podexec reads it; what else a file holds is kept, to be told as unsupported. */
import { z } from "zod";

/** A scalar that may be written as text or as a number. */
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const text = z.union([z.string(), z.number()]).transform(String);
const whole = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+$/, "is not a whole number")
    .transform(Number),
]);
const toggle = z.union([z.boolean(), z.enum(["true", "false"]).transform((word) => word === "true")]);
const oneOrMore = z.union([z.string().transform((one) => [one]), z.array(text)]);

/** `[NAME=value]` or `{NAME: value}`: pairs; null where a name stands alone. */
const mapping = z.union([
  z.array(text).transform((words) => words.map(splitPair)),
  z
    .record(z.string(), z.union([scalar, z.null()]))
    .transform((map) =>
      Object.entries(map).map(([name, value]): Pair => [name, value === null ? null : String(value)]),
    ),
]);
export type Pair = [string, string | null];

function splitPair(word: string): Pair {
  const equals = word.indexOf("=");
  return equals < 0 ? [word, null] : [word.slice(0, equals), word.slice(equals + 1)];
}

const commandLine = z.union([z.null(), z.string(), z.array(text)]);

const healthcheck = z.looseObject({
  test: z.union([z.string(), z.array(z.string())]).optional(),
  interval: z.string().optional(),
  timeout: z.string().optional(),
  retries: whole.optional(),
  start_period: z.string().optional(),
  disable: toggle.optional(),
});

const longBuild = z.looseObject({
  context: z.string().default("."),
  dockerfile: z.string().optional(),
  args: mapping.optional(),
  target: z.string().optional(),
  labels: mapping.optional(),
  no_cache: toggle.optional(),
  pull: toggle.optional(),
});
export type Build = z.infer<typeof longBuild>;
const build = z.union([z.string().transform((context): Build => ({ context })), longBuild]);

const port = z.union([
  text,
  z.looseObject({
    target: text,
    published: text.optional(),
    host_ip: z.string().optional(),
    protocol: z.string().optional(),
  }),
]);
export type PortEntry = z.infer<typeof port>;

const volume = z.union([
  z.string(),
  z.looseObject({
    type: z.string().default("volume"),
    source: z.string().optional(),
    target: z.string(),
    read_only: toggle.optional(),
    bind: z
      .looseObject({
        propagation: z.string().optional(),
        create_host_path: toggle.optional(),
        selinux: z.string().optional(),
      })
      .optional(),
    volume: z.looseObject({ nocopy: toggle.optional() }).optional(),
    tmpfs: z.looseObject({ size: text.optional(), mode: text.optional() }).optional(),
  }),
]);
export type VolumeEntry = z.infer<typeof volume>;

const CONDITIONS = ["service_started", "service_healthy", "service_completed_successfully"] as const;
const dependency = z.looseObject({
  condition: z.enum(CONDITIONS).default("service_started"),
  required: toggle.default(true),
});
const dependencies = z.union([
  z.array(z.string()).transform((names) => Object.fromEntries(names.map((name) => [name, dependency.parse({})]))),
  z.record(z.string(), dependency),
]);
export type Dependency = z.infer<typeof dependency>;

const attachment = z.union([
  z.null(),
  z.looseObject({
    aliases: z.array(z.string()).optional(),
    ipv4_address: z.string().optional(),
    ipv6_address: z.string().optional(),
    mac_address: z.string().optional(),
  }),
]);
export type Attachment = z.infer<typeof attachment>;

const file = z.union([
  z.string().transform((source) => ({ source })),
  z.looseObject({
    source: z.string(),
    target: z.string().optional(),
    uid: text.optional(),
    gid: text.optional(),
    mode: text.optional(),
  }),
]);
export type FileGrant = z.infer<typeof file>;

const envFile = z.union([
  z.string().transform((path) => ({ path, required: true })),
  z.looseObject({ path: z.string(), required: toggle.default(true) }),
]);
const envFiles = z.union([z.array(envFile), envFile.transform((one) => [one])]);

const resources = z.looseObject({
  limits: z.looseObject({ cpus: text.optional(), memory: text.optional(), pids: text.optional() }).optional(),
  reservations: z.looseObject({ memory: text.optional() }).optional(),
});

const ulimit = z.union([text, z.looseObject({ soft: text, hard: text })]);

const serviceSchema = z.looseObject({
  image: z.string().min(1).optional(),
  build: build.optional(),
  command: commandLine.optional(),
  entrypoint: commandLine.optional(),
  environment: mapping.optional(),
  env_file: envFiles.optional(),
  ports: z.array(port).optional(),
  expose: z.array(text).optional(),
  volumes: z.array(volume).optional(),
  tmpfs: oneOrMore.optional(),
  networks: z
    .union([
      z
        .array(z.string())
        .transform((names) => Object.fromEntries(names.map((name): [string, Attachment] => [name, null]))),
      z.record(z.string(), attachment),
    ])
    .optional(),
  network_mode: z.string().optional(),
  depends_on: dependencies.optional(),
  links: z.array(z.string()).optional(),
  healthcheck: healthcheck.optional(),
  profiles: z.array(z.string()).optional(),
  restart: z.string().optional(),
  user: text.optional(),
  working_dir: z.string().optional(),
  labels: mapping.optional(),
  annotations: mapping.optional(),
  container_name: z.string().optional(),
  hostname: z.string().optional(),
  extra_hosts: z.union([z.array(text), z.record(z.string(), text)]).optional(),
  dns: oneOrMore.optional(),
  dns_search: oneOrMore.optional(),
  secrets: z.array(file).optional(),
  configs: z.array(file).optional(),
  deploy: z.looseObject({ resources: resources.optional(), replicas: whole.optional() }).optional(),
  mem_limit: text.optional(),
  mem_reservation: text.optional(),
  cpus: text.optional(),
  pids_limit: text.optional(),
  shm_size: text.optional(),
  ulimits: z.record(z.string(), ulimit).optional(),
  init: toggle.optional(),
  read_only: toggle.optional(),
  stdin_open: toggle.optional(),
  tty: toggle.optional(),
  stop_signal: z.string().optional(),
  stop_grace_period: z.string().optional(),
  pull_policy: z.string().optional(),
  platform: z.string().optional(),
  group_add: z.array(text).optional(),
  scale: whole.optional(),
  // What needs the operator's leave.
  privileged: toggle.optional(),
  cap_add: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  devices: z.array(z.unknown()).optional(),
  security_opt: z.array(z.string()).optional(),
  pid: z.string().optional(),
  ipc: z.string().optional(),
  uts: z.string().optional(),
  cgroup: z.string().optional(),
  userns_mode: z.string().optional(),
});
export type Service = z.infer<typeof serviceSchema>;

const resource = z.looseObject({
  name: z.string().optional(),
  external: toggle.optional(),
  labels: mapping.optional(),
  driver: z.string().optional(),
  driver_opts: z.record(z.string(), scalar).optional(),
});

const volumeResource = z.union([z.null().transform((): VolumeResource => ({})), resource]);
const addressRange = z.looseObject({
  subnet: z.string().optional(),
  gateway: z.string().optional(),
  ip_range: z.string().optional(),
});
const longNetwork = resource.extend({
  internal: toggle.optional(),
  enable_ipv6: toggle.optional(),
  ipam: z.looseObject({ driver: z.string().optional(), config: z.array(addressRange).optional() }).optional(),
});
const networkResource = z.union([z.null().transform((): NetworkResource => ({})), longNetwork]);
const fileResource = z.looseObject({
  name: z.string().optional(),
  external: toggle.optional(),
  file: z.string().optional(),
  environment: z.string().optional(),
  content: z.string().optional(),
});

export type VolumeResource = z.infer<typeof resource>;
export type NetworkResource = z.infer<typeof longNetwork>;
export type FileResource = z.infer<typeof fileResource>;

export const composeSchema = z.looseObject({
  version: text.optional(),
  name: z.string().optional(),
  services: z.record(z.string(), serviceSchema).refine((all) => Object.keys(all).length > 0, "there is no service"),
  volumes: z.record(z.string(), volumeResource).nullish(),
  networks: z.record(z.string(), networkResource).nullish(),
  secrets: z.record(z.string(), fileResource).nullish(),
  configs: z.record(z.string(), fileResource).nullish(),
});
export type ComposeFile = z.infer<typeof composeSchema>;
