/** Two tables: what podexec can adapt by itself, and what only the host's owner can mend. Checked top down. */
import type { Adaptation, HostFacts } from "./adaptation.ts";

interface Remedy {
  name: string;
  /** What Podman says when the remedy is due. */
  when: RegExp;
  /** The adapted flags, or undefined where it cannot help here. */
  apply(adaptation: Adaptation, facts: HostFacts): Adaptation | undefined;
}

interface Cause {
  when: RegExp;
  says: string;
  /** The exact next step. */
  mend: string;
}

export const REMEDIES: readonly Remedy[] = [
  {
    name: "ulimits",
    when: /rlimit type \d|setrlimit/i,
    apply: (adaptation, { ulimits }) => ({
      ...adaptation,
      runArgs: [
        ...adaptation.runArgs,
        ...["--ulimit", `nofile=${ulimits.nofile}:${ulimits.nofile}`],
        ...["--ulimit", `nproc=${ulimits.nproc}:${ulimits.nproc}`],
      ],
      says: [...adaptation.says, "limits of open files and processes lowered to what this host allows (--ulimit)"],
    }),
  },
  {
    name: "runc",
    when: /crun: .*(cgroup|invalid file system type)/i,
    apply: (adaptation) =>
      withGlobalArgs(
        adaptation,
        ["--runtime", "runc"],
        "crun refuses this host's cgroups: runc is used (--runtime runc)",
      ),
  },
  {
    name: "crun",
    when: /runc.*(not found|no such file)|default OCI runtime "runc" not found/i,
    apply: (adaptation) =>
      adaptation.globalArgs.includes("--runtime")
        ? undefined
        : withGlobalArgs(adaptation, ["--runtime", "crun"], "runc is not there: crun is used (--runtime crun)"),
  },
  {
    name: "cgroupfs",
    when: /sd-bus|systemd cgroup flag|dbus|user\.slice|interactive authentication|systemd.*(not running|bus)/i,
    apply: (adaptation) =>
      withGlobalArgs(
        adaptation,
        ["--cgroup-manager", "cgroupfs"],
        "systemd does not answer: cgroups are managed directly (--cgroup-manager cgroupfs)",
      ),
  },
  {
    name: "limits",
    when: /(memory|cpu|pids)[^\n]*(controller|cgroup|limit)[^\n]*(not|no such|unavailable|denied)/i,
    apply: (adaptation) => ({
      ...adaptation,
      limits: { memory: false, cpus: false, pids: false },
      lacks: [...adaptation.lacks, "this Podman cannot limit memory, cpus and processes: left out"],
    }),
  },
];

/** A client of a remote Podman takes no such flags: its service has to be started with them. */
function withGlobalArgs(adaptation: Adaptation, args: readonly string[], says: string): Adaptation | undefined {
  if (adaptation.remote) return undefined;
  return { ...adaptation, globalArgs: [...adaptation.globalArgs, ...args], says: [...adaptation.says, says] };
}

export const CAUSES: readonly Cause[] = [
  {
    when: /crun: .*cgroup|"?runc"?.*(not found|no such file)/i,
    says: "no installed container runtime accepts this host's cgroups",
    mend: "Install runc: apt-get install runc. A remote Podman: start its service with --runtime runc.",
  },
  {
    when: /subuid|subgid|insufficient UIDs|cannot find UID\/GID|newuidmap|newgidmap/i,
    says: "rootless Podman has no subordinate user ids",
    mend: "As root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER (and apt-get install uidmap), then: podman system migrate",
  },
  {
    when: /\/dev\/net\/tun/i,
    says: "rootless networking needs /dev/net/tun, which this user cannot open",
    mend: "As root: modprobe tun; chmod 666 /dev/net/tun. Or start with --network none.",
  },
  {
    when: /slirp4netns[^\n]*(not found|no such file|could not find)|could not find slirp4netns/i,
    says: "rootless networking needs slirp4netns, which is not installed",
    mend: "As root: apt-get install slirp4netns. Or start with --network none.",
  },
  {
    when: /pasta[^\n]*(not found|no such file)|could not find pasta/i,
    says: "rootless networking needs pasta, which is not installed",
    mend: "As root: apt-get install passt. Or start with --network none.",
  },
  {
    when: /fuse-overlayfs|\/dev\/fuse/i,
    says: "rootless storage needs fuse-overlayfs and /dev/fuse",
    mend: "As root: apt-get install fuse-overlayfs; chmod 666 /dev/fuse",
  },
  {
    when: /iptables|nftables|\bnft\b/i,
    says: "Podman's bridge network needs iptables (or nft), which does not work here",
    mend: "As root: apt-get install iptables. Or start with --network none.",
  },
  {
    when: /netavark|aardvark|could not find .*plugin/i,
    says: "Podman's network programs are missing or do not work",
    mend: "As root: apt-get install netavark aardvark-dns. Or start with --network none.",
  },
  {
    when: /conmon[^\n]*(not found|no such file|could not find)/i,
    says: "conmon is not installed",
    mend: "As root: apt-get install conmon",
  },
  {
    when: /unable to connect to Podman|connection refused|cannot connect to Podman|dial unix/i,
    says: "the remote Podman does not answer",
    mend: "Start it (podman system service, or podman machine start) or unset CONTAINER_HOST.",
  },
  {
    when: /no space left on device/i,
    says: "the storage of Podman is full",
    mend: "Look with podman system df, then free room, for example with podman image prune.",
  },
];
