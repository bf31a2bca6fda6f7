import { z } from "zod";
import { eventText, readEvents } from "../../podman/manage/events.ts";
import { filter, timeText } from "../../podman/manage/names.ts";
import { eventRow, type EventRow } from "../../podman/manage/schemas.ts";
import { filterField, managerOf, READS, telling } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  since: z.string().max(64).optional().describe("A time such as 10m; default: 1h, with `follow` now."),
  until: z.string().max(64).optional(),
  filters: z
    .strictObject({
      container: filterField,
      event: filterField.describe("create, start, died, remove, pull, ..."),
      image: filterField,
      label: filterField,
      type: filterField.describe("container, image, network, pod, volume, system."),
    })
    .optional(),
  follow: z.boolean().default(false).describe("Tell what happens from now on, as progress, for a bounded time."),
  follow_ms: z.int().min(100).max(3_600_000).default(30_000).describe("With `follow`: how long."),
  limit: z.int().min(1).max(1000).default(100).describe("Events: the last ones; with `follow` the end of it."),
});

export const podmanEvents = defineTool({
  name: "podman_events",
  toolset: "podman",
  title: "Show events",
  description:
    "What happened to the host's containers, images, volumes and networks lately, or with `follow` what happens.",
  input,
  output: z.object({
    events: z.array(eventRow).describe("As `podman events --format json` has them."),
    ended: z.boolean().describe("False where following ended because of its bound."),
  }),
  annotations: READS,
  async run({ since, until, filters, follow, follow_ms, limit }, context) {
    const from = since ?? (follow ? undefined : "1h");
    const args = [
      ...(from === undefined ? [] : ["--since", timeText("since", from)]),
      ...(until === undefined ? [] : ["--until", timeText("until", until)]),
      ...Object.entries(filters ?? {}).flatMap(([key, value]) =>
        [value ?? []].flat().flatMap((one) => filter(key, one)),
      ),
    ];
    const manager = managerOf(context);
    const wish = { args, follow, timeMs: follow_ms, limit };
    const { events, why } = await telling(context, (tell) => {
      const onEvent = (event: EventRow): void => void (follow && tell(eventText(event)));
      return readEvents(manager, wish, { signal: context.signal, onEvent });
    });
    return {
      structured: { events, ended: why === "ended" },
      text: events.map(eventText).join("\n") || "Nothing happened.",
    };
  },
});
