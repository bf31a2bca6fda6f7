/** How much is told: the log's level and format, and whether failures come with their stack. */
import { PodexecError } from "../errors.ts";
import { createLog, LOG_FORMATS, LOG_LEVELS, type Log } from "../log.ts";
import type { Environment } from "./command.ts";

/** True where stacks and debug lines are asked for: `--log-level debug`, PODEXEC_LOG_LEVEL=debug or PODEXEC_DEBUG=1. */
export function wantsDebug(argv: readonly string[], environment: Environment): boolean {
  const words = before(argv, "--").join(" ");
  if (/(^| )--log-level[= ]debug( |$)/.test(words)) return true;
  const debug = environment["PODEXEC_DEBUG"] ?? "";
  return (debug !== "" && debug !== "0") || environment["PODEXEC_LOG_LEVEL"] === "debug";
}

/** True where failures are to be JSON: `--json`, `--log-format json` or PODEXEC_LOG_FORMAT=json. */
export function wantsJson(argv: readonly string[], environment: Environment): boolean {
  const words = before(argv, "--");
  const format = /(?:^| )--log-format[= ](\S+)/.exec(words.join(" "))?.[1] ?? environment["PODEXEC_LOG_FORMAT"];
  return words.includes("--json") || format === "json";
}

/**
 * The log that flags and the environment ask for.
 *
 * @throws PodexecError INVALID_CONFIG where a variable holds no level or format
 */
export function logFor(
  args: Readonly<Record<string, unknown>>,
  argv: readonly string[],
  environment: Environment,
): Log {
  const level = choose("log-level", LOG_LEVELS, { args, environment });
  const format = choose("log-format", LOG_FORMATS, { args, environment });
  return createLog(level ?? (wantsDebug(argv, environment) ? "debug" : "info"), format ?? "text");
}

/** The words in front of `end`; all where it is not there. */
export function before(words: readonly string[], end: string): readonly string[] {
  const index = words.indexOf(end);
  return index < 0 ? words : words.slice(0, index);
}

interface Sources {
  args: Readonly<Record<string, unknown>>;
  environment: Environment;
}

function choose<Word extends string>(
  name: string,
  words: readonly Word[],
  { args, environment }: Sources,
): Word | undefined {
  const flag = args[name];
  const variable = `PODEXEC_${name.toUpperCase().replaceAll("-", "_")}`;
  const text = typeof flag === "string" ? flag : environment[variable];
  if (text === undefined || text === "") return undefined;
  const found = words.find((word) => word === text);
  if (found) return found;
  throw new PodexecError("INVALID_CONFIG", `${variable}: "${text}" is none of ${words.join(", ")}`, {
    hint: `Set ${variable} to one of ${words.join(", ")}, or unset it.`,
  });
}
