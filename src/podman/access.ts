/** Two ways to put the agent into a sandbox and to reach it: from this host, or through a Podman that is elsewhere. */
import { setTimeout as sleep } from "node:timers/promises";
import { PodexecError } from "../errors.ts";
import type { Connection, ConnectionHandlers, SandboxSpec } from "../sandbox/engine.ts";
import type { Adaptation } from "./adaptation.ts";
import { ownAddresses } from "./addresses.ts";
import { runArgs, type RunPlace } from "./args.ts";
import type { Podman } from "./client.ts";
import { PipeWriter, Valve } from "./pipe.ts";
import type { SandboxFolders } from "./folder.ts";
import { labelArgs, type Owner } from "./labels.ts";
import { connectUnix } from "./socket.ts";
import { mountWorkspace } from "./workspace.ts";

export interface AccessOptions {
  /** With the global flags of this host. */
  podman: Podman;
  adaptation: Adaptation;
  folders: SandboxFolders;
  owner: Owner;
  spillLimit: number;
  warn(message: string): void;
}

export interface Access {
  /** Starts a sandbox's container; its agent listens when the promise resolves. */
  start(name: string, architecture: string, spec: SandboxSpec): Promise<void>;
  /** Opens a byte stream to its agent; fails where there is none. */
  connect(name: string, handlers: ConnectionHandlers): Promise<Connection>;
}

const START_LIMIT_MS = 20_000;
/** A podman that is killed while it starts a container leaves network state behind: it is never cut short. */
const STARTING = { timeoutMs: START_LIMIT_MS };
/** Where the agent, and for the moment of the start its socket, lie inside a sandbox. */
const MOUNTED_AT = "/run/podexec";
/** Where they lie when they are copied: any image has a root. */
const COPIED_TO = "/.podexec";
/** Whoever comes in through `podman exec` needs no rights in the sandbox: the agent knows it by its parent. */
const NOBODY = "65534:65534";

/** The way that fits this host's Podman. */
export function openAccess(options: AccessOptions): Access {
  return options.adaptation.remote ? remoteAccess(options) : localAccess(options);
}

/** A folder of the host is mounted for the moment of the start; its socket is moved out and needs no process. */
function localAccess({ podman, adaptation, folders, owner, spillLimit, warn }: AccessOptions): Access {
  return {
    async start(name, architecture, spec) {
      const folder = folders.prepare(name, architecture, owner);
      const workspace = spec.workspace && (await mountWorkspace(folders, name, spec.workspace.path));
      if (workspace?.warning) warn(workspace.warning);
      const mounts = { folder, ...(workspace ? { workspace: workspace.path } : {}) };
      const place = { name, agentFolder: MOUNTED_AT, ...mounts, ...common(owner, spillLimit) };
      // conmon leaves a file named `oom` where it was started, when memory runs out under cgroups v1.
      const starting = { ...STARTING, cwd: folders.folder(name) };
      await podman.must(["run", "--detach", ...runArgs(spec, place, adaptation)], starting);
      await workspace?.release();
      await untilListening(folders, name);
      folders.seal(name);
    },
    connect: (name, handlers) => connectUnix(folders.socket(name), handlers),
  };
}

/** Another machine's Podman cannot mount files of this one: the agent is copied in, and an `exec` carries the bytes. */
function remoteAccess({ podman, adaptation, folders, owner, spillLimit }: AccessOptions): Access {
  const agent = `${COPIED_TO}/agent`;
  return {
    async start(name, architecture, spec) {
      const folder = folders.prepare(name, architecture, owner);
      const place = { name, agentFolder: COPIED_TO, ...common(owner, spillLimit) };
      await podman.must(["create", ...runArgs(spec, place, adaptation)], STARTING);
      await podman.must(["cp", folder, `${name}:${COPIED_TO}`], STARTING);
      folders.clear(name);
      await podman.must(["start", name], STARTING);
    },
    async connect(name, handlers) {
      const command = [agent, "connect", "--socket", `${COPIED_TO}/s`];
      return overExec(podman, ["exec", "--interactive", "--user", NOBODY, name, ...command], handlers);
    },
  };
}

function overExec(podman: Podman, args: readonly string[], handlers: ConnectionHandlers): Connection {
  const child = podman.start(args, { stdin: "pipe" });
  const valve = new Valve();
  const pump = async () => {
    for await (const bytes of child.stdout) {
      while (valve.isClosed) await valve.opened();
      handlers.onData(bytes);
    }
  };
  void Promise.allSettled([pump(), new Response(child.stderr).arrayBuffer(), child.exited]).then(() =>
    handlers.onClose(),
  );
  const writer = new PipeWriter(child);
  return {
    send: (bytes) => writer.send(bytes),
    drained: () => writer.drained(),
    end: () => writer.end(),
    pause: () => valve.close(),
    resume: () => valve.open(),
    close: () => {
      valve.open();
      child.kill("SIGKILL");
    },
  };
}

function common(owner: Owner, spillLimit: number): Pick<RunPlace, "labels" | "blocked" | "spillLimit"> {
  return { labels: labelArgs(owner), blocked: ownAddresses(), spillLimit };
}

async function untilListening(folders: SandboxFolders, name: string): Promise<void> {
  const limit = Date.now() + START_LIMIT_MS;
  for (let pause = 1; !folders.isListening(name); pause = Math.min(pause * 2, 50)) {
    if (Date.now() > limit) throw new PodexecError("PODMAN_ERROR", `the agent of ${name} does not start`);
    await sleep(pause);
  }
}
