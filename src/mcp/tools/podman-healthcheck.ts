import { z } from "zod";
import { failureOf } from "../../podman/manage/failures.ts";
import { containerField, managerOf, READS } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

/** 4.x says Healthcheck, 5.x Health. */
const health = z.looseObject({
  Status: z.string().nullish(),
  FailingStreak: z.number().nullish(),
  Log: z.array(z.looseObject({ ExitCode: z.number().nullish(), Output: z.string().nullish() })).nullish(),
});
const inspected = z
  .array(z.looseObject({ State: z.looseObject({ Health: health.nullish(), Healthcheck: health.nullish() }) }))
  .min(1);

const output = z.object({
  healthy: z.boolean(),
  status: z.string().describe("healthy, unhealthy or starting."),
  failing_streak: z.int(),
  output: z.string().describe("What the check said this time."),
});

const CHECKING_MS = 120_000;
const MAX_OUTPUT = 8_192;

export const podmanHealthcheck = defineTool({
  name: "podman_healthcheck",
  toolset: "podman",
  title: "Check a container's health",
  description: "Run the healthcheck of a running container of the host now. That it is unhealthy is a result.",
  input: z.strictObject({ container: containerField }),
  output,
  annotations: { ...READS, readOnlyHint: false, idempotentHint: false },
  async run({ container }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const { id } = await manager.target(container, signal);
    const result = await manager.run(["healthcheck", "run", id], { signal, timeoutMs: CHECKING_MS });
    if (result.status !== 0 && result.status !== 1) throw failureOf("healthcheck run", result);
    const [object] = await manager.json(["container", "inspect", id], inspected, { signal });
    const structured = structure(result.status === 0, object?.State.Health ?? object?.State.Healthcheck);
    const told = structured.healthy ? "Healthy." : "Not healthy.";
    return { structured, text: [told, structured.output].filter(Boolean).join("\n") };
  },
});

function structure(healthy: boolean, state: z.infer<typeof health> | null | undefined): z.infer<typeof output> {
  const said = state?.Log?.at(-1)?.Output ?? "";
  return {
    healthy,
    status: state?.Status ?? "",
    failing_streak: state?.FailingStreak ?? 0,
    output: said.slice(0, MAX_OUTPUT),
  };
}
