import { z } from "zod";
import { commandOf } from "../command-of.ts";
import { cursorField, DEFAULT_WAIT_MS, idField, waitField } from "../command-fields.ts";
import { sandboxField } from "../fields.ts";
import { ProgressFeed } from "../progress.ts";
import { isFailure, pageResult, resultFields, resultText } from "../shell-result.ts";
import { screenOf } from "../shell-screen.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  id: idField,
  cursor: cursorField.describe("Where to go on: `cursor` of the last result. Default: 0, the beginning."),
  wait_ms: waitField.describe("Milliseconds to wait at most; 0 just looks. Default: 50 seconds."),
  until: z
    .enum(["end", "output"])
    .optional()
    .describe("`end` (default): wait until the command has ended. `output`: until there is output behind the cursor."),
  sandbox: sandboxField,
});

export const shellWait = defineTool({
  name: "shell_wait",
  title: "Wait for a command",
  description:
    "Wait for a command that still runs, and get its output from `cursor` on: nothing is lost, nothing is told twice. " +
    "While the result says `running: true`, call it again with the new `cursor`. `more_bytes` says that there is more " +
    "output already: call again at once, or take a part of it with shell_output. Works for commands that have ended " +
    "and for what they left running, too: that is how to read the log of a server.",
  input,
  output: z.object(resultFields),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, context) {
    const { command, sandbox } = await commandOf(args, context);
    const feed = new ProgressFeed((done, message) => context.progress(done, message));
    try {
      const page = await command.page(args.cursor ?? 0, {
        waitMs: args.wait_ms ?? DEFAULT_WAIT_MS,
        until: args.until ?? "end",
        limit: context.services.limits.outputBytes,
        signal: context.signal,
      });
      const screen = await screenOf(command);
      const structured = pageResult(command, page, { sandbox: sandbox.handle, screen });
      return { structured, text: resultText(structured), isError: isFailure(structured) };
    } finally {
      feed.stop();
      sandbox.lastUsedAt = Date.now();
    }
  },
});
