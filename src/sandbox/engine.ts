/** The narrow interface between podexec and whatever runs its sandboxes: Podman here, Kubernetes later. */

/** What a new sandbox is to be. */
export interface SandboxSpec {
  image: string;
  /** `internet`: alone on its network, with the internet reachable; `none`: the loopback only. */
  network: "internet" | "none";
  /** Bytes of memory; the engine leaves out what the host cannot limit. */
  memory: number;
  cpus: number;
  pids: number;
  /** Bytes the sandbox's own layer may take; undefined: as much as the storage has. */
  disk?: number;
  workspace?: { path: string; readOnly: boolean };
  env: Record<string, string>;
  /** Milliseconds without a sign of podexec after which the sandbox ends itself. */
  leaseMs: number;
}

/** One running sandbox as the engine names it. */
export interface SandboxRef {
  /** The container's name: not a secret, and no proof of ownership. */
  name: string;
}

/** A sandbox as `list` finds it, also one of another podexec. */
export interface SandboxInfo extends SandboxRef {
  state: string;
  image: string;
  createdAt: Date;
  /** The server that owns it. */
  owner: { id: string; pid: number; alive: boolean };
  /** The session that uses it; undefined while it waits in the pool. */
  session: string | undefined;
}

export interface ConnectionHandlers {
  onData(bytes: Uint8Array): void;
  /** Called once, also after `close`. */
  onClose(): void;
}

/** The byte stream to a sandbox's agent. */
export interface Connection {
  send(bytes: Uint8Array): void;
  close(): void;
}

/** Why a sandbox that was there is there no more. */
export interface GoneReason {
  /** As it is told to a model: a clause such as `its container was removed from outside`. */
  text: string;
  outOfMemory: boolean;
}

export interface Engine {
  /**
   * Creates and starts a sandbox; it is there when the promise resolves, and gone without trace when it rejects.
   *
   * @throws PodexecError IMAGE_MISSING, PODMAN_ERROR, PODMAN_UNUSABLE
   */
  create(spec: SandboxSpec, signal?: AbortSignal): Promise<SandboxRef>;
  /** Opens a byte stream to the sandbox's agent. @throws PodexecError SANDBOX_GONE */
  connect(ref: SandboxRef, handlers: ConnectionHandlers): Promise<Connection>;
  /** Notes which session uses a sandbox, for `list`. */
  assign(ref: SandboxRef, session: string): Promise<void>;
  /** All sandboxes of podexec on this engine. */
  list(): Promise<SandboxInfo[]>;
  /** Ends a sandbox at once and removes what it had; one that is gone already is no error. */
  remove(ref: SandboxRef): Promise<void>;
  /** Why a sandbox's connection may have ended; undefined while the sandbox still runs. */
  whyGone(ref: SandboxRef): Promise<GoneReason | undefined>;
  /** Removes what servers that are gone left behind; answers the names. */
  sweep(): Promise<string[]>;
}
