import { z } from "zod";
import { sandboxField } from "../fields.ts";
import { defineTool } from "../tool.ts";
import { commandsOf } from "./sandbox-info.ts";

const output = z.object({
  sandbox: z.string(),
  name: z.string().optional(),
  ended: z.array(z.object({ id: z.string(), command: z.string() })).describe("The commands that ran and were ended."),
  ports_closed: z.array(z.int()),
});

export const sandboxClose = defineTool({
  name: "sandbox_close",
  title: "Close a sandbox",
  description:
    "End a sandbox for good: what runs in it is ended, and its files are gone, except those of a host's /workspace.",
  input: z.strictObject({
    sandbox: sandboxField.unwrap().describe("The handle of the sandbox, from an earlier result."),
  }),
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run(args, { caller, services }) {
    const entry = await services.registry.info(caller, args.sandbox);
    const { handle, note } = entry.sandbox;
    const ended = commandsOf(entry);
    const ports = services.ports.of(entry.sandbox).map(({ port }) => port);
    for (const port of ports) services.ports.close(entry.sandbox, port);
    await services.registry.remove(caller, args.sandbox);
    const name = note.name === undefined ? {} : { name: note.name };
    const lines = ended.map(({ id, command }) => `${id} was ended: ${command}`);
    const text = [
      `${handle} is closed.`,
      ...lines,
      ...ports.map((port) => `port ${port} is not exposed any more`),
    ].join("\n");
    return { structured: { sandbox: handle, ...name, ended, ports_closed: ports }, text };
  },
});
