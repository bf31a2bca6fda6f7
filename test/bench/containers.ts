/** What containers cost the host beside what their users start. */
import { familyOf, proportionalMb } from "./memory.ts";
import type { Place } from "./place.ts";

/** Memory of each container on average: conmon and everything below it. */
export async function containerMb(place: Place, names: readonly string[]): Promise<number> {
  const all = (await processesOf(place, names)).map(proportionalMb);
  return all.reduce((sum, megabytes) => sum + megabytes, 0) / names.length;
}

/** The processes of containers: each one's conmon and everything below it. */
export async function processesOf(place: Place, names: readonly string[]): Promise<number[]> {
  const { podman, adaptation } = place.host;
  const args = ["container", "inspect", "--format", "{{.State.ConmonPid}}", ...names];
  const conmons = (await podman.withGlobalArgs(adaptation.globalArgs).must(args)).trim().split("\n").map(Number);
  return conmons.flatMap(familyOf);
}
