/** What the sandbox tools tell of a sandbox, and what of it in one line. */
import { z } from "zod";
import type { Entry } from "../../sandbox/owners/registry.ts";
import { idleUntil, useOf } from "../../sandbox/owners/upkeep.ts";
import type { ToolContext } from "../tool.ts";

export const sandboxView = z.object({
  sandbox: z.string().describe("Its handle: pass it as `sandbox` to any tool."),
  name: z.string().optional(),
  state: z.enum(["idle", "busy", "gone"]).describe("Whether a command runs in it now."),
  image: z.string(),
  network: z.enum(["internet", "none"]),
  created_at: z.string(),
  last_used_at: z.string(),
  idle_until: z.string().describe("When it is removed if nothing runs in it until then."),
  expires_at: z.string().optional().describe("When it is removed whatever runs in it."),
  commands_running: z.int(),
  is_default: z.boolean().describe("Whether this conversation's calls find it without its handle."),
});

export type SandboxView = z.infer<typeof sandboxView>;

/** A sandbox as its owner sees it. */
export function viewOf(entry: Entry, { caller, services }: ToolContext): SandboxView {
  const { sandbox, sessions } = entry;
  const { name, image, network, createdAt, expiresAt } = sandbox.note;
  return {
    sandbox: sandbox.handle,
    ...(name === undefined ? {} : { name }),
    state: sandbox.gone === undefined ? (sandbox.isBusy ? "busy" : "idle") : "gone",
    image,
    network,
    created_at: iso(createdAt),
    last_used_at: iso(sandbox.isBusy ? Date.now() : sandbox.lastUsedAt),
    idle_until: iso(idleUntil(entry, services.registry.lives)),
    ...(expiresAt === undefined ? {} : { expires_at: iso(expiresAt) }),
    commands_running: sandbox.commands.running,
    is_default: caller.session !== undefined && sessions.has(caller.session),
  };
}

/** One line of it for a reader. */
export function lineOf(view: SandboxView): string {
  const name = view.name === undefined ? "" : ` (${view.name})`;
  const mark = view.is_default ? ", this conversation's" : "";
  const use = useOf(view.commands_running, Date.parse(view.last_used_at));
  return `${view.sandbox}${name}: ${view.image}, ${use}${mark}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
