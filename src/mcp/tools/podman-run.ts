import { z } from "zod";
import { runArgs, runWish } from "../../podman/manage/run.ts";
import { runAttached, startDetached, type Started } from "../../podman/manage/start.ts";
import { bounded, shortId } from "../../podman/manage/text.ts";
import { ADDS, managerOf, telling } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const input = runWish.extend({
  timeout_ms: z
    .int()
    .min(1000)
    .max(86_400_000)
    .default(600_000)
    .describe("How long to wait for the image, and with `detach: false` for the end; then the container is removed."),
});

const output = z.object({
  id: z.string().optional().describe("The container; none where it is gone already."),
  detached: z.boolean(),
  retval: z.int().optional().describe("With `detach: false`: the exit status."),
  stdout: z.string().optional(),
  stderr: z.string().optional().describe("With `detach: false`: what the container and Podman wrote there."),
  truncated: z.boolean().optional(),
  warnings: z.array(z.string()).optional(),
});
type Structured = z.infer<typeof output>;

export const podmanRun = defineTool({
  name: "podman_run",
  toolset: "podman",
  title: "Run a container",
  description:
    "Run a container on the host from an image, in the background, or to its end with `detach: false`: then an exit status " +
    "other than 0 is a result. Privileges, devices, host namespaces and folders of the host need the operator's permission.",
  input,
  output,
  annotations: ADDS,
  async run(wish, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const args = await runArgs(manager, wish, signal);
    return telling(context, async (onLine) => {
      const options = { signal, timeoutMs: wish.timeout_ms, onLine };
      if (wish.detach) return detached(await startDetached(manager, args, options));
      return attached(await runAttached(manager, args, options), manager.outputBytes);
    });
  },
});

function detached({ id = "", stderr }: Started): { structured: Structured; text: string } {
  const warnings = warningsIn(stderr);
  const structured = { id, detached: true, ...(warnings.length > 0 ? { warnings } : {}) };
  return { structured, text: [`Runs as ${shortId(id)}.`, ...warnings].join("\n") };
}

function attached(started: Started, limit: number): { structured: Structured; text: string } {
  const [stdout, stderr] = [bounded(started.stdout, limit), bounded(started.stderr, limit)];
  const truncated = stdout.truncated || stderr.truncated;
  const structured = {
    ...(started.id === undefined ? {} : { id: started.id }),
    detached: false,
    retval: started.status,
    stdout: stdout.text,
    stderr: stderr.text,
    truncated,
  };
  const ending = started.status === 0 ? [] : [`[exit status ${started.status}]`];
  return { structured, text: [stdout.text, stderr.text, ...ending].filter(Boolean).join("\n") };
}

/** What Podman could not do though it started the container, such as limits that this host cannot set. */
function warningsIn(stderr: string): string[] {
  return stderr
    .split("\n")
    .flatMap((line) => /level=(?:warning|error) msg="?(.+?)"?$/.exec(line)?.[1] ?? [])
    .slice(0, 10);
}
