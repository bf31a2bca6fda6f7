/** Which tools the operator offers. */
import { PodexecError } from "../errors.ts";
import type { Tool, Toolset } from "./tool.ts";

export interface Selection {
  toolsets: readonly Toolset[];
  /** Names of single tools, in place of toolsets; none: those of the toolsets. */
  tools: readonly string[];
  /** Only tools that change nothing. */
  readOnly: boolean;
  /** Also tools that take away or overwrite. */
  destructive: boolean;
}

export const USUAL: Selection = { toolsets: ["sandbox"], tools: [], readOnly: false, destructive: true };

/**
 * The rows of a table that are offered, in its order.
 *
 * @throws PodexecError INVALID_CONFIG for a name that no tool has, and where nothing would be left
 */
export function select(tools: readonly Tool[], selection: Selection): Tool[] {
  const unknown = selection.tools.find((name) => !tools.some((tool) => tool.name === name));
  if (unknown !== undefined) {
    throw new PodexecError("INVALID_CONFIG", `tools: there is no tool ${JSON.stringify(unknown)}`, {
      hint: `There are ${tools.map(({ name }) => name).join(", ")}.`,
    });
  }
  const chosen = tools.filter((tool) => isChosen(tool, selection));
  if (chosen.length > 0) return chosen;
  throw new PodexecError(
    "INVALID_CONFIG",
    "no tool is left to offer: --tools, --toolsets, --read-only and --no-destructive",
    {
      hint: "Choose fewer restrictions, or tools that fit them.",
    },
  );
}

function isChosen({ name, toolset = "sandbox", annotations }: Tool, selection: Selection): boolean {
  const { toolsets, tools, readOnly, destructive } = selection;
  const isNamed = tools.length > 0 ? tools.includes(name) : toolsets.includes(toolset);
  return isNamed && (annotations.readOnlyHint || !readOnly) && (destructive || !annotations.destructiveHint);
}
