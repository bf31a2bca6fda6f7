import { z } from "zod";
import { eachContainer } from "../../podman/manage/batch.ts";
import { batchAnswer, batchOutput, CHANGES, containersField, DESTROYS, managerOf } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const timeoutField = z.int().min(0).max(3600).default(10).describe("Seconds until what does not stop is killed.");
/** Podman's own work beside the waiting. */
const WORK_MS = 60_000;

export const podmanStop = defineTool({
  name: "podman_stop",
  toolset: "podman",
  title: "Stop containers",
  description: "Stop containers of the host. Each has a result of its own: one failure does not hide the others.",
  input: z.strictObject({ containers: containersField, timeout: timeoutField }),
  output: batchOutput,
  annotations: { ...CHANGES, destructiveHint: true },
  async run({ containers, timeout }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const options = { signal, timeoutMs: timeout * 1000 + WORK_MS };
    const work = ({ id }: { id: string }) => manager.must(["stop", "--time", String(timeout), id], options);
    return batchAnswer(await eachContainer(manager, containers, { work, signal }), "stopped");
  },
});

export const podmanStart = defineTool({
  name: "podman_start",
  toolset: "podman",
  title: "Start containers",
  description: "Start containers of the host that do not run. Each has a result of its own.",
  input: z.strictObject({ containers: containersField }),
  output: batchOutput,
  annotations: CHANGES,
  async run({ containers }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const work = ({ id }: { id: string }) => manager.must(["start", id], { signal });
    return batchAnswer(await eachContainer(manager, containers, { work, signal }), "started");
  },
});

export const podmanRestart = defineTool({
  name: "podman_restart",
  toolset: "podman",
  title: "Restart containers",
  description: "Stop containers of the host and start them again. Each has a result of its own.",
  input: z.strictObject({ containers: containersField, timeout: timeoutField }),
  output: batchOutput,
  annotations: { ...CHANGES, destructiveHint: true, idempotentHint: false },
  async run({ containers, timeout }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const options = { signal, timeoutMs: timeout * 1000 + WORK_MS };
    const work = ({ id }: { id: string }) => manager.must(["restart", "--time", String(timeout), id], options);
    return batchAnswer(await eachContainer(manager, containers, { work, signal }), "restarted");
  },
});

export const podmanRm = defineTool({
  name: "podman_rm",
  toolset: "podman",
  title: "Remove containers",
  description:
    "Remove containers of the host that do not run; with `force` also those that do. Each has a result of its own.",
  input: z.strictObject({
    containers: containersField,
    force: z.boolean().default(false).describe("Stop and remove those that run."),
    volumes: z.boolean().default(false).describe("Remove their anonymous volumes too."),
    timeout: timeoutField,
  }),
  output: batchOutput,
  annotations: DESTROYS,
  async run({ containers, force, volumes, timeout }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const flags = [...(force ? ["--force", "--time", String(timeout)] : []), ...(volumes ? ["--volumes"] : [])];
    const options = { signal, timeoutMs: timeout * 1000 + WORK_MS };
    const work = ({ id }: { id: string }) => manager.must(["rm", ...flags, id], options);
    return batchAnswer(await eachContainer(manager, containers, { work, signal }), "removed");
  },
});
