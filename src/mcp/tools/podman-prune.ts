import { z } from "zod";
import { PRUNABLE, removeUnused, unused, type Unused } from "../../podman/manage/prune.ts";
import { shortId, sizeText, table } from "../../podman/manage/text.ts";
import { DESTROYS, managerOf } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const MAX_TOLD = 500;

const unusedThing = z.object({
  kind: z.enum(PRUNABLE),
  id: z.string(),
  name: z.string(),
  size: z.number().optional().describe("Bytes."),
});

const output = z.object({
  dry_run: z.boolean(),
  unused: z.array(unusedThing).describe("What nothing uses: with `dry_run`, what would be removed."),
  total: z.int(),
  removed: z.array(unusedThing),
  failed: z.array(z.object({ kind: z.enum(PRUNABLE), name: z.string(), why: z.string() })),
});

export const podmanPrune = defineTool({
  name: "podman_prune",
  toolset: "podman",
  title: "Remove what is unused",
  description:
    "Find containers that have ended, pods, images, networks and volumes that nothing uses. By default it only tells; with " +
    "`dry_run: false` it removes exactly those. Volumes go only when asked for by name in `what`.",
  input: z.strictObject({
    what: z.array(z.enum(PRUNABLE)).min(1).default(["containers", "pods", "images", "networks"]),
    dry_run: z.boolean().default(true),
    all_images: z.boolean().default(false).describe("Images with a name, too, not only those that lost theirs."),
    label: z
      .string()
      .regex(/^[^\0\n]{1,400}$/, "must be one line")
      .optional()
      .describe("Only what has this label, KEY or KEY=VALUE."),
  }),
  output,
  annotations: DESTROYS,
  async run({ what, dry_run: dryRun, all_images: allImages, label }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const found: Unused[] = [];
    const structured: z.infer<typeof output> = { dry_run: dryRun, unused: [], total: 0, removed: [], failed: [] };
    // Containers go first: what only they used is unused then.
    for (const kind of PRUNABLE.filter((one) => what.includes(one))) {
      const some = await unused(manager, kind, { allImages, label, signal });
      found.push(...some);
      if (dryRun) continue;
      for (const thing of some) {
        const why = await removeUnused(manager, thing, signal);
        if (why === undefined) structured.removed.push(thing);
        else structured.failed.push({ kind, name: thing.name, why });
        context.progress(structured.removed.length + structured.failed.length, `${thing.kind}: ${thing.name}`);
      }
    }
    structured.total = found.length;
    structured.unused = found.slice(0, MAX_TOLD);
    return { structured, text: textOf(structured) };
  },
});

function textOf({ dry_run: dryRun, unused, total, removed, failed }: z.infer<typeof output>): string {
  const shown = dryRun ? unused : removed;
  const rows = shown.map(({ kind, id, name, size }) => [
    kind,
    shortId(id),
    name,
    size === undefined ? "" : sizeText(size),
  ]);
  const title = dryRun ? `${total} unused; nothing was removed (dry_run):` : `${removed.length} removed:`;
  const lines = failed.map(({ kind, name, why }) => `not removed: ${kind} ${name}: ${why}`);
  return [title, table(["KIND", "ID", "NAME", "SIZE"], rows, "Nothing."), ...lines].join("\n");
}
