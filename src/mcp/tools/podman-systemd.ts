import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import { findObject } from "../../podman/manage/objects.ts";
import { rowsOf, updateRow } from "../../podman/manage/schemas-objects.ts";
import { table } from "../../podman/manage/text.ts";
import { DESTROYS, managerOf, READS } from "../podman-fields.ts";
import { nameField } from "../podman-object-fields.ts";
import { defineTool } from "../tool.ts";

const LIMIT_MS = 1_800_000;

export const podmanSystemdGenerate = defineTool({
  name: "podman_systemd_generate",
  toolset: "podman",
  title: "Write systemd units",
  description: "Write the systemd units that start a container or pod with the host. They are returned, not installed.",
  input: z.strictObject({
    name: nameField("container or pod"),
    new: z
      .boolean()
      .default(false)
      .describe("Units that create the container instead of starting the one that is there."),
    restart_policy: z
      .enum(["no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"])
      .optional(),
    stop_timeout: z.int().min(0).max(3600).optional().describe("Seconds."),
  }),
  output: z.object({ units: z.record(z.string(), z.string()).describe("Contents by the unit's name.") }),
  annotations: READS,
  async run(args, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const { name } = args;
    if (!(await findObject(manager, "pod", { name, signal }))) await manager.target(name, signal);
    const flags = [
      ...["--name", "--format", "json"],
      ...(args.new ? ["--new"] : []),
      ...(args.restart_policy === undefined ? [] : ["--restart-policy", args.restart_policy]),
      ...(args.stop_timeout === undefined ? [] : ["--stop-timeout", String(args.stop_timeout)]),
    ];
    const schema = z.record(z.string(), z.string());
    const units = await manager.json(["generate", "systemd", ...flags, "--", name], schema, { signal });
    const text = Object.entries(units).map(([unit, content]) => `# ${unit}.service\n${content.trim()}`);
    return { structured: { units }, text: text.join("\n\n") };
  },
});

export const podmanAutoUpdate = defineTool({
  name: "podman_auto_update",
  toolset: "podman",
  title: "Update containers that run under systemd",
  description:
    "Tell for which containers with the label io.containers.autoupdate there is a newer image; with `dry_run: false` pull it " +
    "and restart their units. It needs systemd on the host.",
  input: z.strictObject({
    dry_run: z.boolean().default(true),
    rollback: z.boolean().default(true).describe("Go back to the image before where a unit fails to start."),
  }),
  output: z.object({ dry_run: z.boolean(), updates: z.array(updateRow) }),
  annotations: { ...DESTROYS, openWorldHint: true },
  async run({ dry_run: dryRun, rollback }, context) {
    const manager = managerOf(context);
    if (manager.policy.ownOnly) {
      throw new PodexecError(
        "REFUSED",
        "auto-update is for all containers of the host, and podexec serves with --own-only",
      );
    }
    const flags = [`--rollback=${rollback}`, ...(dryRun ? ["--dry-run"] : []), "--format", "json"];
    const options = { signal: context.signal, timeoutMs: LIMIT_MS };
    const updates = await manager.json(["auto-update", ...flags], rowsOf(updateRow), options);
    const rows = updates.map((row) => [row.Unit, row.ContainerName, row.Image, row.Policy, row.Updated]);
    const text = table(["UNIT", "CONTAINER", "IMAGE", "POLICY", "UPDATED"], rows, "No container is updated by itself.");
    return { structured: { dry_run: dryRun, updates }, text };
  },
});
