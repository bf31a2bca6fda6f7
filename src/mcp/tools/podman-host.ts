import { z } from "zod";
import { parseJson } from "../../podman/client.ts";
import { dfRow, infoReport } from "../../podman/manage/schemas.ts";
import { sizeText, table } from "../../podman/manage/text.ts";
import { managerOf, READS } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

export const podmanInfo = defineTool({
  name: "podman_info",
  toolset: "podman",
  title: "Describe the host",
  description: "What the host's Podman is and runs on: version, machine, storage, networks, security.",
  input: z.strictObject({}),
  output: z.object({ info: infoReport.describe("As `podman info --format json` has it.") }),
  annotations: READS,
  async run(_, context) {
    const args = ["info", "--format", "json"];
    const info = await managerOf(context).json(args, infoReport, { signal: context.signal });
    const { host, version } = info;
    const text = `Podman ${version.Version} on ${host.os ?? ""}/${host.arch ?? ""} (${host.hostname ?? ""})`;
    return { structured: { info }, text };
  },
});

export const podmanDf = defineTool({
  name: "podman_df",
  toolset: "podman",
  title: "Show disk use",
  description: "The disk space that the host's images, containers and volumes take, and how much of it could be freed.",
  input: z.strictObject({}),
  output: z.object({ usage: z.array(dfRow).describe("As `podman system df` has it.") }),
  annotations: READS,
  async run(_, context) {
    // 4.3 has no `--format json` here.
    const args = ["system", "df", "--format", "{{json .}}"];
    const printed = await managerOf(context).must(args, { signal: context.signal });
    const usage = printed
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => parseJson(args, line, dfRow));
    const size = (value: number | string | null | undefined) => (typeof value === "number" ? sizeText(value) : value);
    const rows = usage.map((row) => [row.Type, row.Total, row.Active, size(row.Size), size(row.Reclaimable)]);
    return { structured: { usage }, text: table(["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"], rows) };
  },
});
