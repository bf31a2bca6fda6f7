import type { Tool } from "../tool.ts";
import { shellExec } from "./shell-exec.ts";

/** THE table of tools. */
export const tools = [shellExec] as unknown as readonly Tool[];
