/** What a host's Podman needs, and what is known of it. */
import type { PodmanInfo } from "./schemas.ts";

/** The flags with which sandboxes start on this host. */
export interface Adaptation {
  /** Before the verb, such as `--runtime runc`. */
  globalArgs: string[];
  /** For `podman run`, such as `--ulimit nofile=...`. */
  runArgs: string[];
  /** The network that gives each sandbox the internet and nothing else. */
  network: string;
  selinux: boolean;
  /** Podman runs on another machine or behind a socket: nothing of this host can be mounted. */
  remote: boolean;
  /** Which limits this Podman can set. */
  limits: { memory: boolean; cpus: boolean; pids: boolean };
  /** What was adapted, for people. */
  says: string[];
  /** What had to be left out: warned of at every start. */
  lacks: string[];
}

export interface HostFacts {
  info: PodmanInfo;
  /** The open-files and process limits that this process may hand on. */
  ulimits: { nofile: number; nproc: number };
}
