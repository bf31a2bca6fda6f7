/** What podexec offers to a client, whichever era of MCP it speaks. */
import type { Log } from "../log.ts";
import { toolTable, type ToolTable } from "./calls.ts";
import { iconsOf, type Icon } from "./icons.ts";
import { instructionsFor } from "./instructions.ts";
import type { Resources } from "./resources/resources.ts";
import { SandboxResources } from "./resources/sandbox.ts";
import { select, USUAL, type Selection } from "./selection.ts";
import type { Services, Tool } from "./tool.ts";
import { tools } from "./tools/index.ts";

/** Everything that a server of either era is made from. */
export interface Offer {
  info: { name: string; title: string; version: string; icons: Icon[] };
  instructions: string;
  table: ToolTable;
  resources: Resources;
  services: Services;
  log: Log;
}

export interface OfferOptions {
  version: string;
  services: Services;
  log: Log;
  /** Which of podexec's own tools; default: those of sandboxes. */
  selection?: Selection;
  /** Default: podexec's own. */
  tools?: readonly Tool[];
  /** Default: the files of the caller's sandboxes. */
  resources?: Resources;
}

/** The offer of a server. @throws PodexecError INVALID_CONFIG for a selection that leaves nothing */
export function createOffer(options: OfferOptions): Offer {
  const { version, services, log } = options;
  const offered = options.tools ?? select(tools, options.selection ?? USUAL);
  return {
    info: { name: "podexec", title: "podexec", version, icons: iconsOf() },
    instructions: instructionsFor(offered),
    table: toolTable(offered),
    resources: options.resources ?? new SandboxResources(services.registry),
    services,
    log,
  };
}
