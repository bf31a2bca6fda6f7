/** The options of `serve` as arguments of the command line. */
import { options, type Option, type OptionName } from "../options.ts";
import type { Args, FlagDef } from "./command.ts";

/** One flag for each option, without defaults: what is not given is looked for elsewhere (src/config.ts). */
export function serveArgs(): Args {
  const flags = (Object.keys(options) as OptionName[]).map((name) => [name, flagOf(name)] as const);
  const config: FlagDef = {
    type: "string",
    value: "FILE",
    summary:
      "YAML file of options; each is a variable too, --pids-limit as PODEXEC_PIDS_LIMIT, which goes before the file",
  };
  return { ...Object.fromEntries(flags), config };
}

/** What an option is without being told: its default as one would write it, or nothing. */
export function defaultText(name: OptionName): string {
  const { default: fallback } = options[name] as Option;
  if (typeof fallback === "function") return "~/.local/share/podexec";
  return fallback === undefined || typeof fallback === "object" ? "" : String(fallback);
}

function flagOf(name: OptionName): FlagDef {
  const option: Option = options[name];
  const fallback = defaultText(name);
  const isTold = fallback !== "" && option.kind !== "switch";
  const note = [isTold && `default ${fallback}`, ...(option.environment ?? [])].filter(Boolean).join("; ");
  const described = {
    summary: option.help,
    ...(note ? { note } : {}),
    ...(option.value ? { value: option.value } : {}),
  };
  if (option.kind === "switch") return { ...described, type: "boolean" };
  if (option.kind === "list") return { ...described, type: "strings" };
  if (option.kind !== "enum") return { ...described, type: "string" };
  return {
    ...described,
    type: "enum",
    options: (options[name].schema as { options?: readonly string[] }).options ?? [],
  };
}
