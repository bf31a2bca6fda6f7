/** The configuration of `serve`: flags > environment > file > defaults. */
import { PodexecError } from "./errors.ts";
import { readConfigFile, type FileValues } from "./config-file.ts";
import { options, variablesOf, type Option, type OptionName, type ServeConfig } from "./options.ts";

export type Flags = Readonly<Partial<Record<string, string | number | boolean | readonly string[]>>>;

export interface LoadedConfig {
  config: ServeConfig;
  /** Where each value comes from: `--port`, `MCP_PORT`, `podexec.yaml:3`, `default`. */
  origins: Readonly<Record<keyof ServeConfig, string>>;
}

/** A value as it was found. */
interface Raw {
  value: unknown;
  origin: string;
}

/**
 * The configuration of `serve`.
 *
 * @param flags by name without dashes; undefined and empty lists count as not given. `config` names a YAML file
 * @param environment read for PODEXEC_NAME, MCP_HOST, MCP_PORT, PODEXEC_CONFIG and XDG_DATA_HOME
 * @param readFile the text of a file; throws where it cannot be read
 * @throws PodexecError INVALID_CONFIG naming the option, where it was given and what is accepted; REFUSED for an
 * address beyond loopback without a token
 */
export function loadServeConfig(
  flags: Flags,
  environment: Readonly<Record<string, string>>,
  readFile: (path: string) => string,
): LoadedConfig {
  const file = configFile(flags, environment, readFile);
  const config: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  const problems: string[] = [];
  for (const name of Object.keys(options) as OptionName[]) {
    const raw = find(name, { flags, environment, file });
    const result = options[name].schema.safeParse(raw.value);
    if (raw.value !== undefined && !result.success) problems.push(complaint(name, raw));
    config[camelCase(name)] = raw.value === undefined ? undefined : result.data;
    origins[camelCase(name)] = raw.origin;
  }
  if (problems.length > 0) throw invalid(problems);
  const loaded = { config, origins } as unknown as LoadedConfig;
  const complete = { ...loaded, config: { ...loaded.config, token: tokenOf(loaded, readFile) } };
  checkTogether(complete);
  return complete;
}

/** True for an address that only this host can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || /^127(\.\d{1,3}){3}$/.test(host) || host === "::1" || host === "[::1]";
}

interface Sources {
  flags: Flags;
  environment: Readonly<Record<string, string>>;
  file: FileValues;
}

function find(name: OptionName, { flags, environment, file }: Sources): Raw {
  const option: Option = options[name];
  const flag = flags[name];
  if (flag !== undefined && !(Array.isArray(flag) && flag.length === 0)) return { value: flag, origin: `--${name}` };
  const variable = variablesOf(name).find((candidate) => (environment[candidate] ?? "") !== "");
  if (variable !== undefined) return { value: variableValue(option, environment[variable] ?? ""), origin: variable };
  const found = file.get(name);
  if (found) return found;
  const fallback = option.default;
  return { value: typeof fallback === "function" ? fallback(environment) : fallback, origin: "default" };
}

function variableValue(option: Option, text: string): unknown {
  return option.separator ? text.split(option.separator).filter(Boolean) : text;
}

function configFile(flags: Flags, environment: Sources["environment"], readFile: (path: string) => string): FileValues {
  const given = flags["config"] ?? environment["PODEXEC_CONFIG"];
  if (typeof given !== "string" || given === "") return new Map();
  return readConfigFile(given, Object.keys(options), readFile);
}

function complaint(name: OptionName, { value, origin }: Raw): string {
  const option: Option = options[name];
  const shown = option.secret
    ? "the value"
    : JSON.stringify(Array.isArray(value) && value.length === 1 ? value[0] : value);
  const named = origin.startsWith("--") ? origin : `${origin} (${name})`;
  return `${named}: ${shown} is not ${option.schema.description ?? "accepted"}`;
}

function invalid(problems: readonly string[]): PodexecError {
  const [first = "", ...others] = problems;
  return new PodexecError("INVALID_CONFIG", first, {
    ...(others.length > 0 ? { details: others.join("\n") } : {}),
    hint: "`podexec serve --help` shows every option.",
  });
}

function tokenOf({ config, origins }: LoadedConfig, readFile: (path: string) => string): string | undefined {
  if (config.tokenFile === undefined) return config.token;
  if (config.token !== undefined) {
    throw invalid([`${origins.token} and ${origins.tokenFile} both give a token: give one`]);
  }
  let content: string;
  try {
    content = readFile(config.tokenFile).trim();
  } catch (cause) {
    const { code = "unknown" } = cause as { code?: string };
    throw new PodexecError("INVALID_CONFIG", `${origins.tokenFile}: ${config.tokenFile} cannot be read (${code})`, {
      hint: "Name a file that this user can read, or give the token in PODEXEC_TOKEN.",
      cause,
    });
  }
  const token = options.token.schema.safeParse(content);
  if (token.success) return token.data;
  throw invalid([
    `${origins.tokenFile}: what ${config.tokenFile} holds is not ${options.token.schema.description ?? ""}`,
  ]);
}

function checkTogether({ config, origins }: LoadedConfig): void {
  if (config.pool > config.maxSandboxes) {
    throw invalid([`pool (${config.pool}, ${origins.pool}) is more than max-sandboxes (${config.maxSandboxes})`]);
  }
  const isOpen = config.transport === "http" && !isLoopback(config.host);
  if (!isOpen || config.token !== undefined || config.insecure) return;
  throw new PodexecError("REFUSED", `${config.host} (${origins.host}) is reachable from outside, and no token is set`, {
    hint: "Set PODEXEC_TOKEN or --token-file FILE; --insecure lets whoever reaches the port run commands.",
  });
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
