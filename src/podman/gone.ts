import type { GoneReason } from "../sandbox/engine.ts";
import type { Podman } from "./client.ts";
import { eventSchema } from "./schemas.ts";

const KILLED = 137;

/**
 * Why a container that ran is there no more, from Podman's own record of events.
 *
 * @param name the container's name
 * @returns undefined while the container runs
 */
export async function whyGone(podman: Podman, name: string): Promise<GoneReason | undefined> {
  const state = await podman.run(["container", "inspect", "--format", "{{.State.Running}}", "--", name]);
  if (state.status === 0 && state.stdout.trim() === "true") return undefined;
  const events = await readEvents(podman, name);
  if (events.some((event) => event.what === "oom")) {
    return { text: "it ran out of memory and its container was killed", outOfMemory: true };
  }
  const died = events.findLast((event) => event.what === "died");
  if (events.some((event) => event.what === "kill") || died === undefined || died.exit === KILLED) {
    return { text: "its container was removed or killed from outside", outOfMemory: false };
  }
  return { text: `its container ended (status ${died.exit ?? "unknown"})`, outOfMemory: false };
}

async function readEvents(podman: Podman, name: string): Promise<{ what: string; exit: number | undefined }[]> {
  const filters = ["--filter", `container=${name}`, "--since", "30m"];
  const result = await podman.run(["events", "--stream=false", "--format", "json", ...filters], { timeoutMs: 10_000 });
  return result.stdout.split("\n").flatMap((line) => {
    try {
      const event = eventSchema.parse(JSON.parse(line));
      return [{ what: event.Status ?? event.status ?? "", exit: event.ContainerExitCode }];
    } catch {
      return [];
    }
  });
}
