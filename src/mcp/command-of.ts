import type { Command } from "../sandbox/commands/command.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { ToolContext } from "./tool.ts";

/**
 * A command by its id, in the sandbox the call names or in any of the caller's.
 *
 * @throws PodexecError COMMAND_UNKNOWN, or as `Registry.acquire`
 */
export async function commandOf(
  args: { id: string; sandbox?: string | undefined },
  { caller, services, signal }: ToolContext,
): Promise<{ command: Command; sandbox: Sandbox }> {
  const { registry } = services;
  const sandbox =
    args.sandbox === undefined
      ? await registry.byCommand(caller, args.id)
      : (await registry.acquire(caller, args.sandbox, signal)).sandbox;
  sandbox.commands.hide(services.secrets ?? []);
  sandbox.lastUsedAt = Date.now();
  // Another server of the same data folder may have started it.
  if (!sandbox.commands.knows(args.id)) await sandbox.commands.recover();
  return { command: sandbox.commands.get(args.id), sandbox };
}
