import { z } from "zod";
import { defineTool } from "../tool.ts";
import { lineOf, sandboxView, viewOf } from "./sandbox-view.ts";

export const sandboxList = defineTool({
  name: "sandbox_list",
  title: "List sandboxes",
  description:
    "List your sandboxes, the oldest first: handle, name, state, and which one this conversation's calls run in.",
  input: z.strictObject({}),
  output: z.object({ sandboxes: z.array(sandboxView) }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(_args, context) {
    const sandboxes = context.services.registry.list(context.caller).map((entry) => viewOf(entry, context));
    const text = sandboxes.map(lineOf).join("\n") || "You have no sandbox. The first command makes one.";
    return { structured: { sandboxes }, text };
  },
});
