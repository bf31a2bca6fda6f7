/** What `serve` can be told: every option once. Flags, variables, the configuration file and the docs are made from it. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { LOG_FORMATS, LOG_LEVELS } from "./log.ts";
import { podmanOptions } from "./options-podman.ts";
import * as values from "./values.ts";

export interface Option<Value = unknown> {
  schema: z.ZodType<Value>;
  /** `switch`: --name and --no-name; `list`: may be repeated; `enum`: one of the schema's words; else one value. */
  kind?: "switch" | "list" | "enum";
  help: string;
  /** What stands for the value in the usage. */
  value?: string;
  /** As one would write it; a function where it depends on the environment; none: the option may be absent. */
  default?: string | boolean | readonly string[] | ((environment: Readonly<Record<string, string>>) => string);
  /** Variables beside PODEXEC_NAME, which goes first. */
  environment?: readonly string[];
  /** Separates the items of a list in a variable. */
  separator?: RegExp;
  /** Its value is never shown. */
  secret?: true;
}

const SECOND = 1000;
const DAY = 86_400_000;
/** setTimeout fires at once above 2^31 ms, which is 24.8 days. */
const LONGEST = 24 * DAY;
const KIB = 2 ** 10;
const MIB = 2 ** 20;
const TIB = 2 ** 40;

const choice = <const Words extends readonly string[]>(words: Words) =>
  z.enum(words).describe(`one of ${words.join(", ")}`);

export const options = {
  transport: {
    schema: choice(["http", "stdio"]),
    kind: "enum",
    default: "http",
    help: "How clients reach the server",
  },
  host: {
    schema: values.hostname,
    value: "ADDRESS",
    default: "127.0.0.1",
    environment: ["MCP_HOST"],
    help: "Address to listen on; any but loopback needs a token",
  },
  port: {
    schema: values.integer(0, 65_535),
    value: "PORT",
    default: "8000",
    environment: ["MCP_PORT"],
    help: "Port to listen on; 0 chooses a free one",
  },
  image: {
    schema: values.text("the name of an image"),
    value: "IMAGE",
    default: "localhost/pod_exec_mcp_base:latest",
    help: "Image that sandboxes start from",
  },
  build: { schema: values.toggle, kind: "switch", default: false, help: "Build the image first where it is missing" },
  network: {
    schema: choice(["internet", "none"]),
    kind: "enum",
    default: "internet",
    help: "What a sandbox reaches; never the host or another sandbox",
  },
  memory: {
    schema: values.size(16 * MIB, TIB),
    value: "SIZE",
    default: "2g",
    help: "Memory of a sandbox; there is no way to say unlimited",
  },
  cpus: { schema: values.number(0.01, 1024), value: "NUMBER", default: "2", help: "Processors of a sandbox" },
  "pids-limit": {
    schema: values.integer(16, 4_194_304),
    value: "NUMBER",
    default: "512",
    help: "Processes and threads of a sandbox",
  },
  disk: {
    schema: values.size(16 * MIB, 64 * TIB),
    value: "SIZE",
    help: "What a sandbox may write, where the storage can limit it",
  },
  workspace: {
    schema: values.workspace,
    value: "PATH[:ro]",
    help: "Folder of the host that every sandbox sees as /workspace",
  },
  env: {
    schema: values.variables,
    kind: "list",
    value: "NAME=VALUE",
    default: [],
    separator: /\n/,
    // What is mistyped here is often an API key.
    secret: true,
    help: "Variable for every command in every sandbox",
  },
  timeout: {
    schema: values.duration(SECOND, LONGEST),
    value: "TIME",
    default: "10m",
    help: "How long a command may take that does not say itself",
  },
  "idle-timeout": {
    schema: values.duration(SECOND, LONGEST),
    value: "TIME",
    default: "30m",
    help: "How long nothing may run in a sandbox, or a session be silent, until it is removed",
  },
  linger: {
    schema: values.duration(0, LONGEST),
    value: "TIME",
    default: "5m",
    help: "How long a sandbox outlives its session, for a call with its handle; 0s removes it with the session",
  },
  lifetime: {
    schema: values.duration(SECOND, 365 * DAY),
    value: "TIME",
    default: "24h",
    help: "When a sandbox is removed, whatever runs in it",
  },
  "on-stop": {
    schema: choice(["remove", "keep"]),
    kind: "enum",
    default: "remove",
    help: "What becomes of the sandboxes when the server is stopped; kept ones wait for the next start as long as a lease",
  },
  lease: {
    schema: values.duration(5 * SECOND, DAY),
    value: "TIME",
    default: "60s",
    help: "How long a sandbox outlives a server that was killed",
  },
  pool: { schema: values.integer(0, 100), value: "NUMBER", default: "1", help: "Sandboxes started ahead" },
  "max-sessions": {
    schema: values.integer(1, 100_000),
    value: "NUMBER",
    default: "1000",
    help: "MCP sessions at once",
  },
  "max-sandboxes": {
    schema: values.integer(1, 100_000),
    value: "NUMBER",
    default: "100",
    help: "Sandboxes in use at once",
  },
  "max-sandboxes-per-principal": {
    schema: values.integer(1, 100_000),
    value: "NUMBER",
    help: "Sandboxes in use at once by one user; as many as in all unless it is given",
  },
  "max-memory": {
    schema: values.size(16 * MIB, TIB),
    value: "SIZE",
    help: "Memory that a client may ask for; no more than --memory unless it is given",
  },
  "max-cpus": {
    schema: values.number(0.01, 1024),
    value: "NUMBER",
    help: "Processors that a client may ask for; no more than --cpus unless it is given",
  },
  "allow-image": {
    schema: values.list(values.text("a pattern of images")),
    kind: "list",
    value: "PATTERN",
    default: [],
    separator: /[\s,]+/,
    help: "Images that a client may ask for, * for any characters; any that is there unless it is given",
  },
  "allow-workspace": {
    schema: values.list(values.folder),
    kind: "list",
    value: "FOLDER",
    default: [],
    separator: /\n/,
    help: "Folder of the host that a client may ask to work in, or in one below it",
  },
  "output-limit": {
    schema: values.size(KIB, 64 * MIB),
    value: "SIZE",
    default: "256k",
    help: "Output in a result; the whole stays in a file in the sandbox",
  },
  "body-limit": {
    schema: values.size(KIB, 256 * MIB),
    value: "SIZE",
    default: "4m",
    help: "Size of a request's body",
  },
  token: {
    schema: values.token,
    value: "TOKEN",
    secret: true,
    help: "Bearer token that requests need; a flag shows in the process list, the variable and --token-file do not",
  },
  "token-file": {
    schema: values.path("a path"),
    value: "FILE",
    help: "File whose content is the bearer token",
  },
  insecure: {
    schema: values.toggle,
    kind: "switch",
    default: false,
    help: "Listen beyond loopback without a token: whoever reaches the port can run commands",
  },
  "allow-host": {
    schema: values.list(values.hostname),
    kind: "list",
    value: "HOST",
    default: [],
    separator: /[\s,]+/,
    help: "Further Host header that is accepted, as a reverse proxy sends it",
  },
  "allow-origin": {
    schema: values.list(values.origin),
    kind: "list",
    value: "ORIGIN",
    default: [],
    separator: /[\s,]+/,
    help: "Origin of web pages that may call the server",
  },
  ...podmanOptions,
  "data-dir": {
    schema: values.path("a path"),
    value: "FOLDER",
    default: dataFolder,
    help: "Where podexec keeps sockets, the agent and what it has to remember",
  },
  podman: {
    schema: values.text("a program"),
    value: "PROGRAM",
    default: "podman",
    help: "Podman's program",
  },
  "log-level": { schema: choice(LOG_LEVELS), kind: "enum", default: "info", help: "What is logged on stderr" },
  "log-format": { schema: choice(LOG_FORMATS), kind: "enum", default: "text", help: "How it is logged" },
} as const satisfies Record<string, Option>;

type Options = typeof options;
export type OptionName = keyof Options;

/** `pids-limit` -> `pidsLimit`. */
type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** The configuration of `serve`: options without a default may be undefined. */
export type ServeConfig = {
  readonly [Name in OptionName as CamelCase<Name>]: Options[Name] extends { default: unknown }
    ? z.infer<Options[Name]["schema"]>
    : z.infer<Options[Name]["schema"]> | undefined;
};

/** The variables that an option is read from, the stronger first. */
export function variablesOf(name: OptionName): string[] {
  const option: Option = options[name];
  return [`PODEXEC_${name.toUpperCase().replaceAll("-", "_")}`, ...(option.environment ?? [])];
}

/** XDG's data folder, for root too; %LOCALAPPDATA% on Windows. */
function dataFolder(environment: Readonly<Record<string, string>>): string {
  const base = environment["XDG_DATA_HOME"] ?? environment["LOCALAPPDATA"] ?? "";
  return join(isAbsolute(base) ? base : join(homedir(), ".local", "share"), "podexec");
}
