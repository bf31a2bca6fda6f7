import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import { sandboxField } from "../fields.ts";
import { defineTool } from "../tool.ts";

const input = z.strictObject({
  port: z.int().min(1).max(65_535).describe("The port, as port_expose was given it."),
  sandbox: sandboxField,
});

const output = z.object({ port: z.int(), sandbox: z.string().describe("The handle of the sandbox.") });

export const portClose = defineTool({
  name: "port_close",
  title: "Close a port",
  description:
    "Take back what port_expose gave: the URL stops working and its connections end. What listens in the sandbox goes on.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async run({ port, sandbox: handle }, { caller, services }) {
    const { sandbox } = await services.registry.info(caller, handle);
    if (!services.ports.close(sandbox, port)) {
      throw new PodexecError("PORT_UNKNOWN", `port: ${port} of ${sandbox.handle} is not exposed`, {
        hint: "port_list shows what is.",
      });
    }
    return { structured: { port, sandbox: sandbox.handle }, text: `Port ${port} is closed.` };
  },
});
