import type { Command } from "../sandbox/commands/command.ts";
import type { ShellResult } from "./shell-result.ts";

/** What a command's terminal shows, as results have it; undefined where it has none. */
export async function screenOf(command: Command): Promise<ShellResult["screen"]> {
  const view = await command.screen();
  return view && { rows: view.rows, cursor: view.cursor, alternate: view.isAlternate };
}
