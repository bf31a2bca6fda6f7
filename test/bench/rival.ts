/** The design to beat: a container a session, one `podman exec` a command. Without any server around it. */
import { randomBytes } from "node:crypto";
import type { Cleanup } from "./cleanup.ts";
import { containerMb } from "./containers.ts";
import type { Place } from "./place.ts";

export interface Rival {
  /** Of its container. */
  name: string;
  /** Runs a command to its end and answers how many bytes it printed. @throws Error where its status is not 0 */
  exec(command: string): Promise<number>;
  /** Copies by `podman cp`. */
  cp(from: string, to: string): Promise<unknown>;
  /** What its container costs beside what is executed in it, in MB. */
  memoryMb(): Promise<number>;
  stop(): Promise<void>;
}

const CALL_LIMIT_MS = 120_000;

/** Starts the rival's container from the same image, with the limits of podexec's defaults. */
export async function startRival(place: Place, cleanup: Cleanup): Promise<Rival> {
  const name = `podexec-bench-${randomBytes(6).toString("hex")}`;
  const stop = async () => void (await podman(place, ["rm", "--force", "--ignore", "--time", "0", name]));
  cleanup.add(stop);
  await podman(place, containerArgs(place, name));
  const exec = (command: string) => podman(place, ["exec", name, "/bin/sh", "-lc", command]);
  const cp = (from: string, to: string) => podman(place, ["cp", from, to]);
  return { name, exec, cp, memoryMb: () => containerMb(place, [name]), stop };
}

/** The limits of podexec's defaults, and whatever else this host's Podman needs. */
function containerArgs({ image, host: { adaptation } }: Place, name: string): string[] {
  const limits = ["--memory", "2g", "--memory-swap", "2g", "--cpus", "2", "--pids-limit", "512"];
  const security = ["--security-opt", "no-new-privileges", "--network", adaptation.network];
  return [
    ...["run", "--detach", "--rm", "--pull", "never", "--name", name, "--log-driver", "none"],
    ...(Object.values(adaptation.limits).every(Boolean) ? limits : []),
    ...security,
    ...adaptation.runArgs,
    ...["--entrypoint", "/usr/bin/sleep", image, "infinity"],
  ];
}

async function podman(place: Place, args: readonly string[]): Promise<number> {
  const argv = place.host.podman.withGlobalArgs(place.host.adaptation.globalArgs).argv(args);
  const child = Bun.spawn(argv, { stdio: ["ignore", "pipe", "pipe"], timeout: CALL_LIMIT_MS, killSignal: "SIGKILL" });
  const said = child.stderr.text();
  let bytes = 0;
  for await (const chunk of child.stdout) bytes += chunk.length;
  const status = await child.exited;
  if (status !== 0) throw new Error(`podman ${args[0]}: status ${status}: ${(await said).slice(-400)}`);
  return bytes;
}
