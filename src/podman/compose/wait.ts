/** Waiting for the services that another one depends on. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import type { PodmanManager } from "../manage/manager.ts";
import type { PlannedService } from "./plan.ts";
import type { UpControl } from "./work.ts";

type Dependency = PlannedService["waitsFor"][number];

interface Waiting extends UpControl {
  /** Hears of services that are not required and did not come. */
  unsupported: string[];
}

const LONGEST_MS = 600_000;
const OFTEN_MS = 250;
const SELDOM_MS = 2_000;
const MAX_LOG = 20;

/** @throws PodexecError SERVICE_FAILED with the last lines of what did not come */
export async function waitForOthers(
  manager: PodmanManager,
  { service, waitsFor }: PlannedService,
  control: Waiting,
): Promise<void> {
  for (const dependency of waitsFor) {
    try {
      if (dependency.condition === "service_started") continue;
      control.tell(`${service} waits for ${dependency.service}: ${dependency.condition}`);
      if (dependency.condition === "service_healthy") await untilHealthy(manager, dependency, control.signal);
      else await untilCompleted(manager, dependency, control.signal);
    } catch (error) {
      if (dependency.required || !(error instanceof PodexecError) || error.code !== "SERVICE_FAILED") throw error;
      control.unsupported.push(`${error.message}; ${service} does not require it`);
    }
  }
}

/** `State.Health` in Podman 4 and 5, `State.Healthcheck` before 4.2; times are nanoseconds. */
const stateSchema = z
  .array(
    z.object({
      State: z.object({
        Status: z.string(),
        ExitCode: z.number().default(0),
        Health: z.object({ Status: z.string().default("") }).nullish(),
      }),
      Config: z.object({
        Healthcheck: z
          .object({
            Test: z.array(z.string()).nullish(),
            Interval: z.number().default(0),
            Timeout: z.number().default(0),
            StartPeriod: z.number().default(0),
            Retries: z.number().default(0),
          })
          .nullish(),
      }),
    }),
  )
  .min(1);

async function inspect(manager: PodmanManager, container: string, signal: AbortSignal) {
  const [state] = await manager.json(["container", "inspect", "--", container], stateSchema, { signal });
  if (!state) throw new PodexecError("CONTAINER_NOT_FOUND", `there is no container ${container}`);
  return state;
}

async function untilHealthy(manager: PodmanManager, dependency: Dependency, signal: AbortSignal): Promise<void> {
  const { container, service } = dependency;
  const { Config: config } = await inspect(manager, container, signal);
  const { patience, pause } = timesOf(config.Healthcheck, service);
  const deadline = Date.now() + patience;
  for (;;) {
    // Podman's own timers need systemd, which not every host has; asking once more does no harm.
    const asked = await manager.run(["healthcheck", "run", container], { signal });
    if (asked.status === 0) return;
    const { State: state } = await inspect(manager, container, signal);
    if (state.Health?.Status === "healthy") return;
    if (state.Status !== "running") throw await failed(manager, dependency, `ended with status ${state.ExitCode}`);
    if (Date.now() > deadline) throw await failed(manager, dependency, "did not become healthy");
    await sleep(pause, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new PodexecError("CANCELLED", "podman_compose_up was cancelled");
  }
}

type Healthcheck = z.infer<typeof stateSchema>[number]["Config"]["Healthcheck"];

/** Milliseconds: how long a service may take to become healthy, and how often it is asked. */
function timesOf(check: Healthcheck, service: string): { patience: number; pause: number } {
  if (!check?.Test || check.Test.length === 0 || check.Test[0] === "NONE") {
    throw new PodexecError("INVALID_PARAMS", `something waits until ${service} is healthy, but it has no healthcheck`);
  }
  const interval = check.Interval / 1e6 || 30_000;
  const tries = Math.max(check.Retries, 1) * interval + (check.Timeout / 1e6 || 30_000);
  return {
    patience: Math.min(check.StartPeriod / 1e6 + tries, LONGEST_MS),
    pause: Math.max(OFTEN_MS, Math.min(interval, SELDOM_MS)),
  };
}

async function untilCompleted(manager: PodmanManager, dependency: Dependency, signal: AbortSignal): Promise<void> {
  await manager.must(["wait", "--interval", "100ms", "--", dependency.container], { signal, timeoutMs: LONGEST_MS });
  const { State: state } = await inspect(manager, dependency.container, signal);
  if (state.ExitCode !== 0) throw await failed(manager, dependency, `ended with status ${state.ExitCode}`);
}

async function failed(manager: PodmanManager, { service, container }: Dependency, why: string): Promise<PodexecError> {
  const { stdout, stderr } = await manager.run(["logs", "--tail", String(MAX_LOG), container]);
  return new PodexecError("SERVICE_FAILED", `the service ${service} ${why}`, {
    details: `${stdout}${stderr}`.trim().slice(-2000),
  });
}
