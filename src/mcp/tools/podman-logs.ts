import { z } from "zod";
import { readLogs, type Logs } from "../../podman/manage/logs.ts";
import { timeText } from "../../podman/manage/names.ts";
import { bounded } from "../../podman/manage/text.ts";
import { containerField, managerOf, READS, telling } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  container: containerField,
  tail: z.int().min(1).max(10_000).default(100).describe("Lines from the end."),
  since: z.string().max(64).optional().describe("A time such as 10m, or 2026-01-02T15:04:05Z."),
  follow: z
    .boolean()
    .default(false)
    .describe("Go on with what is written, as progress, until the container or the time ends."),
  timestamps: z.boolean().default(false),
  follow_ms: z.int().min(100).max(3_600_000).default(30_000).describe("With `follow`: how long."),
});

const output = z.object({
  output: z.string().describe("stdout and stderr in the order in which they were written."),
  lines: z.int(),
  stderr_lines: z.int().describe("How many of them are from stderr."),
  truncated: z.boolean().describe("The middle is left out; ask for fewer lines."),
  ended: z.boolean().describe("False where following ended because of its bound."),
});

export const podmanLogs = defineTool({
  name: "podman_logs",
  toolset: "podman",
  title: "Read a container's log",
  description:
    "Read what a container of the host wrote to stdout and stderr, the last lines first of all; with `follow` what comes is " +
    "told as progress, for a bounded time.",
  input,
  output,
  annotations: READS,
  async run({ container, tail, since, follow, timestamps, follow_ms }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const time = since === undefined ? {} : { since: timeText("since", since) };
    const wish = { tail, follow, timestamps, timeMs: follow_ms, ...time };
    const target = await manager.target(container, signal);
    return telling(context, async (tell) => {
      const onLine = follow ? ({ text }: { text: string }) => tell(text) : undefined;
      return answer(await readLogs(manager, { target, wish, signal }, onLine), manager.outputBytes);
    });
  },
});

function answer({ lines, why }: Logs, limit: number) {
  const { text, truncated } = bounded(lines.map((line) => line.text).join("\n"), limit);
  const structured = {
    output: text,
    lines: lines.length,
    stderr_lines: lines.filter(({ stream }) => stream === "stderr").length,
    truncated,
    ended: why === "ended",
  };
  const ending = why === "time" ? "\n[following ended after its time]" : why === "lines" ? "\n[there may be more]" : "";
  return { structured, text: `${text || "[no output]"}${ending}` };
}
