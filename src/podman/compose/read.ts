/** From a compose file on the host to what it says: variables replaced, checked, with the files it names. */
import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { parse } from "yaml";
import type { z } from "zod";
import { PodexecError } from "../../errors.ts";
import type { HostFiles } from "./files.ts";
import { composeSchema, type ComposeFile, type FileResource } from "./schema.ts";
import { unsupportedKeys } from "./unsupported.ts";
import { interpolate, interpolateAll, parseEnvFile, type Variables } from "./variables.ts";

export interface ComposeRequest {
  /** Below an allowed folder; relative to `base`. */
  file: string;
  base: string;
  /** Default: the file's `name`, COMPOSE_PROJECT_NAME, or the folder's name. */
  projectName?: string | undefined;
  /** Beside `.env`, and stronger. The server's own environment is never read: it may hold its secrets. */
  env?: Variables;
}

/** A compose file as read; nothing of the host is read after this. */
export interface Composition {
  project: string;
  /** The real path of the file, and of its folder, where relative paths start. */
  file: string;
  folder: string;
  compose: ComposeFile;
  variables: Variables;
  /** The variables of each service's env files, merged. */
  envFiles: ReadonlyMap<string, Variables>;
  /** The contents of `secrets` and `configs`, by `secrets.NAME` and `configs.NAME`. */
  contents: ReadonlyMap<string, Buffer>;
  /** What is left out, by its path, and what else a reader should know. */
  unsupported: string[];
}

/** Names that people leave out, in the order in which they are looked for. */
const DEFAULT_NAMES = [
  "docker-compose.yml",
  "compose.yaml",
  "compose.yml",
  "docker-compose.yaml",
  "podman-compose.yml",
];
const MAX_ALIASES = 1_000;
const MAX_SERVICES = 100;
const MAX_PROBLEMS = 8;

/**
 * Reads a compose file and all that it names.
 *
 * @throws PodexecError INVALID_PARAMS naming the place in the file; FILE_NOT_FOUND, FILE_ERROR, REFUSED for files
 */
export function readCompose(request: ComposeRequest, files: HostFiles): Composition {
  const file = findFile(request, files);
  const folder = dirname(file);
  const variables = { ...dotEnv(folder, files), ...request.env };
  const missing = new Set<string>();
  const text = files.read(file, folder, "file").toString();
  const document = interpolateAll(parseYaml(text, basename(file)), { variables, missing: (name) => missing.add(name) });
  const unsupported = [...missing].map((name) => `\${${name}} has no value: nothing stands in its place`);
  const compose = parseDocument(document, basename(file));
  const envFiles = new Map<string, Variables>();
  for (const [name, service] of Object.entries(compose.services)) {
    envFiles.set(
      name,
      readEnvFiles(service.env_file ?? [], { files, folder, variables, where: `services.${name}.env_file` }),
    );
  }
  const contents = new Map([
    ...contentsOf("secrets", compose.secrets, { files, folder, variables }),
    ...contentsOf("configs", compose.configs, { files, folder, variables }),
  ]);
  const project = projectName(request.projectName ?? compose.name ?? variables["COMPOSE_PROJECT_NAME"], folder);
  return {
    project,
    file,
    folder,
    compose,
    variables,
    envFiles,
    contents,
    unsupported: [...unsupported, ...unsupportedKeys(document)],
  };
}

/** The name of a compose file's project; nothing else of the file has to be right. @throws PodexecError as `readCompose` */
export function readProject(request: ComposeRequest, files: HostFiles): string {
  const file = findFile(request, files);
  const folder = dirname(file);
  const variables = dotEnv(folder, files);
  const document = parseYaml(files.read(file, folder, "file").toString(), basename(file));
  const isMap = typeof document === "object" && document !== null && "name" in document;
  const name =
    isMap && typeof document.name === "string"
      ? interpolate(document.name, { variables, missing: () => {} })
      : undefined;
  return projectName(name ?? variables["COMPOSE_PROJECT_NAME"], folder);
}

/** The profiles that are active beside those a call names. */
export function profilesOf(variables: Variables): string[] {
  return (variables["COMPOSE_PROFILES"] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
}

/** A digest of all that it is given, to notice a change. */
export function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** The name under which a project's objects go; as Docker makes it of a folder's. @throws PodexecError INVALID_PARAMS */
export function projectName(given: string | undefined, folder: string): string {
  const name =
    given ??
    basename(folder)
      .toLowerCase()
      .replace(/[^a-z0-9_-]/g, "")
      .replace(/^[_-]+/, "");
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(name)) return name;
  throw new PodexecError("INVALID_PARAMS", `${JSON.stringify(name.slice(0, 80))} is not a name of a project`, {
    hint: "Give `project_name`: lower-case letters, digits, - and _, the first a letter or digit.",
  });
}

function findFile({ file, base }: ComposeRequest, files: HostFiles): string {
  if (file !== DEFAULT_NAMES[0]) return files.find(file, base, "file");
  for (const name of DEFAULT_NAMES) {
    try {
      return files.find(name, base, "file");
    } catch (error) {
      if (!(error instanceof PodexecError) || error.code !== "FILE_NOT_FOUND") throw error;
    }
  }
  throw new PodexecError("FILE_NOT_FOUND", "there is no compose file in the server's working folder", {
    hint: "Name it in `file`.",
  });
}

function dotEnv(folder: string, files: HostFiles): Variables {
  try {
    return parseEnvFile(files.read(".env", folder, ".env").toString(), ".env");
  } catch (error) {
    if (error instanceof PodexecError && error.code === "FILE_NOT_FOUND") return {};
    throw error;
  }
}

function parseYaml(text: string, name: string): unknown {
  try {
    return parse(text, { merge: true, maxAliasCount: MAX_ALIASES, prettyErrors: true });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new PodexecError("INVALID_PARAMS", `${name} is not YAML: ${message.slice(0, 500)}`, { cause });
  }
}

function parseDocument(document: unknown, name: string): ComposeFile {
  const parsed = composeSchema.safeParse(document);
  if (!parsed.success) {
    const problems = parsed.error.issues.slice(0, MAX_PROBLEMS).map((issue) => describe(issue));
    throw new PodexecError("INVALID_PARAMS", `${name}: ${problems.join("; ")}`);
  }
  const names = Object.keys(parsed.data.services);
  const wrong = names.find((service) => !/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/.test(service));
  if (wrong !== undefined)
    throw new PodexecError(
      "INVALID_PARAMS",
      `${name}: ${JSON.stringify(wrong.slice(0, 80))} is not a name of a service`,
    );
  if (names.length > MAX_SERVICES)
    throw new PodexecError("INVALID_PARAMS", `${name}: more than ${MAX_SERVICES} services`);
  return parsed.data;
}

function describe(issue: z.core.$ZodIssue): string {
  const place = issue.path.join(".");
  return `${place === "" ? "the file" : place}: ${issue.message}`.slice(0, 300);
}

interface Reading {
  files: HostFiles;
  folder: string;
  variables: Variables;
}

function readEnvFiles(
  list: readonly { path: string; required: boolean }[],
  reading: Reading & { where: string },
): Variables {
  const { files, folder, variables, where } = reading;
  const merged = new Map<string, string>();
  for (const { path, required } of list) {
    try {
      const text = files.read(path, folder, where).toString();
      const outer = { ...variables, ...Object.fromEntries(merged) };
      for (const [name, value] of Object.entries(parseEnvFile(text, path, outer))) merged.set(name, value);
    } catch (error) {
      if (required || !(error instanceof PodexecError) || error.code !== "FILE_NOT_FOUND") throw error;
    }
  }
  return Object.fromEntries(merged);
}

function contentsOf(
  kind: string,
  resources: Record<string, FileResource> | null | undefined,
  { files, folder, variables }: Reading,
): [string, Buffer][] {
  return Object.entries(resources ?? {}).flatMap(([name, resource]): [string, Buffer][] => {
    const where = `${kind}.${name}`;
    if (resource.external) return [];
    if (resource.file !== undefined) return [[where, files.read(resource.file, folder, `${where}.file`)]];
    if (resource.content !== undefined) return [[where, Buffer.from(resource.content)]];
    const value = resource.environment === undefined ? undefined : variables[resource.environment];
    if (value !== undefined) return [[where, Buffer.from(value)]];
    throw new PodexecError(
      "INVALID_PARAMS",
      `${where} has no content: a file, content, or a variable in environment that is set`,
    );
  });
}
