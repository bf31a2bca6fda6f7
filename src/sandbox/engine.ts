/** The narrow interface between podexec and whatever runs its sandboxes: Podman here, Kubernetes later. */

/** Which folder of the host it is, wherever it lies. */
export interface FolderIdentity {
  device: bigint;
  inode: bigint;
}

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
  /** `identity`: which folder it has to be, where a client has named it. */
  workspace?: { path: string; readOnly: boolean; identity?: FolderIdentity };
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
}

export interface ConnectionHandlers {
  onData(bytes: Uint8Array): void;
  /** Called once, also after `close`. */
  onClose(): void;
}

/** A byte stream to a sandbox's agent. A sandbox may have several at once. */
export interface Connection {
  /** Takes all of it; false asks to wait for `drained` before more is sent. */
  send(bytes: Uint8Array): boolean;
  /** Resolves when there is room again, and when the connection is over. */
  drained(): Promise<void>;
  /** Nothing more is sent; what comes is still received. */
  end(): void;
  /** Holds back what comes; the sender feels it. */
  pause(): void;
  resume(): void;
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
   * @param name of the container, made from the sandbox's handle (sandbox/handle.ts)
   * @throws PodexecError IMAGE_MISSING, PODMAN_ERROR, PODMAN_UNUSABLE
   */
  create(spec: SandboxSpec, name: string, signal?: AbortSignal): Promise<SandboxRef>;
  /** Opens a byte stream to the sandbox's agent. @throws PodexecError SANDBOX_GONE */
  connect(ref: SandboxRef, handlers: ConnectionHandlers): Promise<Connection>;
  /** Notes this server as the one that keeps a sandbox: whoever kept it before leaves it alone from then on. */
  claim(ref: SandboxRef): Promise<void>;
  /** Whether this server is the one that keeps it. */
  isClaimed(ref: SandboxRef): boolean;
  /**
   * Sandboxes that may still run and whose keeper, a server of the same kind, is gone: what a restarted server takes
   * over. Asks as little as it can: a name may turn out to be gone when it is connected to.
   */
  orphans(): Promise<SandboxRef[]>;
  /** All sandboxes of podexec on this engine. */
  list(): Promise<SandboxInfo[]>;
  /** Ends a sandbox at once and removes what it had; one that is gone already is no error. */
  remove(ref: SandboxRef): Promise<void>;
  /** Why a sandbox's connection may have ended; undefined while the sandbox still runs. */
  whyGone(ref: SandboxRef): Promise<GoneReason | undefined>;
  /** Removes what servers that are gone left behind; answers the names. */
  sweep(): Promise<string[]>;
}
