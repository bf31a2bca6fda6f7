import { LOG_FORMATS, LOG_LEVELS } from "../log.ts";
import type { Args } from "./command.ts";

/** The flags that every verb has; a verb that declares one of the same name has its own. */
const commonArgs = {
  "log-level": {
    type: "enum",
    options: LOG_LEVELS,
    summary: "What is logged on stderr",
    note: "default info; PODEXEC_LOG_LEVEL",
  },
  "log-format": {
    type: "enum",
    options: LOG_FORMATS,
    summary: "How it is logged",
    note: "default text; PODEXEC_LOG_FORMAT",
  },
  help: { type: "boolean", short: "h", summary: "Show this" },
} as const satisfies Args;

/** A verb's own arguments and, behind them, those that every verb has. */
export function withCommonArgs(own: Args): Args {
  const missing = Object.entries(commonArgs).filter(([name]) => !Object.hasOwn(own, name));
  return { ...own, ...Object.fromEntries(missing) };
}
