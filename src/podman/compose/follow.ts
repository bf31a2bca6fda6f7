/** The logs of a project that is up, until all of its containers end or a bound is reached. */
import { follow } from "../manage/follow.ts";
import type { PodmanManager } from "../manage/manager.ts";
import type { UpControl } from "./work.ts";

const LONGEST_MS = 300_000;
const MOST_LINES = 2_000;

/**
 * Follows the logs of containers. That ends by itself; the containers go on.
 *
 * @returns the lines, each with its service's name in front
 * @throws PodexecError CANCELLED
 */
export async function followProject(
  manager: PodmanManager,
  services: readonly { service: string; container: string }[],
  { signal, tell }: UpControl,
): Promise<string> {
  const lines: string[] = [];
  const share = Math.max(1, Math.floor(MOST_LINES / Math.max(services.length, 1)));
  const each = services.map(async ({ service, container }) => {
    const onLine = ({ text }: { text: string }) => {
      lines.push(`${service} | ${text}`);
      tell(`${service} | ${text}`);
    };
    const followed = await follow(manager, ["logs", "--follow", container], {
      timeMs: LONGEST_MS,
      lines: share,
      signal,
      onLine,
    });
    if (followed.why !== "ended") lines.push(`${service} | [goes on; podman_logs shows more]`);
  });
  await Promise.all(each);
  return lines.join("\n").slice(-manager.outputBytes);
}
