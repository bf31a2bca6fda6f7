import { z } from "zod";
import { copy } from "../../podman/manage/copy.ts";
import { diffReport } from "../../podman/manage/schemas.ts";
import { containerField, DESTROYS, managerOf, READS } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const pathField = z.string().min(1).max(4_400);
const MAX_PATHS = 1_000;

export const podmanCp = defineTool({
  name: "podman_cp",
  toolset: "podman",
  title: "Copy files",
  description:
    "Copy a file or folder into, out of or between containers of the host. A path of the host has to lie in a folder that the " +
    "operator allows.",
  input: z.strictObject({
    source: pathField.describe("CONTAINER:/path, or /path of the host."),
    destination: pathField.describe("CONTAINER:/path, or /path of the host."),
  }),
  output: z.object({ source: z.string(), destination: z.string() }),
  annotations: DESTROYS,
  async run({ source, destination }, context) {
    await copy(managerOf(context), { source, destination }, context.signal);
    return { structured: { source, destination }, text: `Copied ${source} to ${destination}.` };
  },
});

export const podmanDiff = defineTool({
  name: "podman_diff",
  toolset: "podman",
  title: "Show a container's changes",
  description:
    "The files that a container of the host added, changed or deleted, compared with its image; at most 1000 of each.",
  input: z.strictObject({ container: containerField }),
  output: z.object({
    changed: z.array(z.string()),
    added: z.array(z.string()),
    deleted: z.array(z.string()),
    total: z.int(),
  }),
  annotations: READS,
  async run({ container }, context) {
    const manager = managerOf(context);
    const { id } = await manager.target(container, context.signal);
    const report = await manager.json(["diff", "--format", "json", id], diffReport.nullish(), {
      signal: context.signal,
    });
    const all = { changed: report?.changed ?? [], added: report?.added ?? [], deleted: report?.deleted ?? [] };
    const total = all.changed.length + all.added.length + all.deleted.length;
    const shown = (paths: readonly string[]): string[] => paths.slice(0, MAX_PATHS);
    const structured = { changed: shown(all.changed), added: shown(all.added), deleted: shown(all.deleted), total };
    const lines = [
      ...structured.changed.map((path) => `C ${path}`),
      ...structured.added.map((path) => `A ${path}`),
      ...structured.deleted.map((path) => `D ${path}`),
    ];
    return { structured, text: lines.join("\n") || "Nothing is changed." };
  },
});
