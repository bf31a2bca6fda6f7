/** Variables that look like podexec's and are not. */
import type { Log } from "../log.ts";
import { nearest } from "../nearest.ts";
import { options, variablesOf, type OptionName } from "../options.ts";
import type { Environment } from "./command.ts";

const PREFIX = "PODEXEC_";
/** Read elsewhere than in the table of options. */
const FURTHER = ["PODEXEC_CONFIG", "PODEXEC_DEBUG"];

/** Warns of every PODEXEC_ variable that nothing reads: a limit that is mistyped is no limit. */
export function warnOfUnknownVariables(environment: Environment, log: Log): void {
  const known = [...(Object.keys(options) as OptionName[]).flatMap(variablesOf), ...FURTHER];
  const own = known.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(PREFIX) || known.includes(name)) continue;
    // Without what all have in common, which would make any two of them alike.
    const meant = nearest(name.slice(PREFIX.length), own);
    log.warn(`the variable ${name} means nothing to podexec${meant ? `; did you mean ${PREFIX}${meant}?` : ""}`);
  }
}
