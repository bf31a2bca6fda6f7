/**
 * What a command in a sandbox must not be able to do, each as an attempt. A probe prints HELD or BREACH as its last
 * line; anything else means that the probe itself did not work. They need the tool image (python3, iproute2).
 */

export interface Probe {
  id: string;
  /** What must not be possible, as a clause: `a sandbox cannot ...`. */
  cannot: string;
  /** A shell script. */
  script: string;
}

/** What the probes need to know about their surroundings. */
export interface ProbeTargets {
  /** Another sandbox's address, on which something listens on port 7; undefined leaves the probe out. */
  neighbour?: string;
  /** Addresses of this host that are not loopback, and a port on which something listens. */
  host: { addresses: readonly string[]; port: number };
  /** A variable that the server's environment has, its name or `NAME=value`; without it that is not tried. */
  serverVariable?: string;
}

/** Succeeds when the command does: then the sandbox did what it must not. */
const attempt = (command: string) => `if ( ${command} ) >/dev/null 2>&1; then echo BREACH; else echo HELD; fi`;
const python = (...lines: string[]) => `python3 - <<'EOF'\n${lines.join("\n")}\nEOF`;
const attemptPython = (...lines: string[]) =>
  python("import ctypes, errno, os, socket, struct, sys", "libc = ctypes.CDLL(None, use_errno=True)", ...lines);
/** A system call that must fail with one of these errors, by its number on x86_64 and arm64. */
const attemptCall = (name: string, x86: number, arm: number, args: string) =>
  attemptPython(
    `number = ${arm} if os.uname().machine == "aarch64" else ${x86}`,
    `result = libc.syscall(number, ${args})`,
    `refused = ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES)`,
    `print("HELD" if result == -1 and refused else "BREACH", "${name}", file=sys.stderr)`,
    `print("HELD" if result == -1 and refused else "BREACH")`,
  );
const connects = (address: string, port: number) => attempt(`timeout 2 nc -z -w 1 ${address} ${port}`);
const firstOf = (test: string) => `if ${test}; then echo HELD; else echo BREACH; fi`;

const PRIVILEGE: readonly Probe[] = [
  {
    id: "no-new-privileges",
    cannot: "gain privileges through a set-user-id program",
    script: firstOf(`grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/self/status`),
  },
  {
    id: "capabilities",
    cannot: "hold a capability beyond those that apt and builds need",
    // chown, dac_override, fowner, fsetid, kill, setgid, setuid, net_bind_service.
    script: firstOf(`[ "$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)" = 00000000000004fb ]`),
  },
  {
    id: "seccomp",
    cannot: "call the kernel unfiltered",
    script: firstOf(`grep -q '^Seccomp:[[:space:]]*2$' /proc/self/status`),
  },
  { id: "user-namespace", cannot: "make a user namespace", script: attempt("unshare --user --map-root-user true") },
  {
    id: "clone-user-namespace",
    cannot: "make a user namespace with clone",
    script: attemptCall("clone", 56, 220, "0x10000000 | 17, 0, 0, 0, 0"),
  },
  {
    id: "mount-in-namespace",
    cannot: "mount inside a namespace of its own",
    script: attempt("unshare --user --map-root-user --mount mount -t tmpfs none /mnt"),
  },
  { id: "mount", cannot: "mount a file system", script: attempt("mount -t tmpfs none /mnt") },
  { id: "device-node", cannot: "make a device node", script: attempt("mknod /tmp/probe-device b 8 0") },
  {
    id: "host-devices",
    cannot: "open the host's disks or memory",
    script: attempt("ls /dev/sda /dev/vda /dev/nvme0n1 /dev/mem /dev/kmsg /dev/kvm 2>/dev/null | grep -q ."),
  },
  {
    id: "raw-socket",
    cannot: "open a raw socket",
    script: attempt(`python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'`),
  },
  {
    id: "packet-socket",
    cannot: "open a packet socket",
    script: attempt(`python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)'`),
  },
  { id: "keyring", cannot: "use kernel keyrings", script: attemptCall("keyctl", 250, 219, "0, -3, 1") },
  { id: "bpf", cannot: "load eBPF programs", script: attemptCall("bpf", 321, 280, "0, 0, 0") },
  { id: "io-uring", cannot: "set up io_uring", script: attemptCall("io_uring_setup", 425, 425, "1, 0") },
  { id: "userfaultfd", cannot: "handle page faults", script: attemptCall("userfaultfd", 323, 282, "0") },
  { id: "perf", cannot: "use performance events", script: attemptCall("perf_event_open", 298, 241, "0, 0, -1, -1, 0") },
  {
    id: "file-handle",
    cannot: "open files of the host by handle",
    script: attemptCall("open_by_handle_at", 304, 265, "-100, 0, 0"),
  },
  {
    id: "kernel-settings",
    cannot: "change settings of the kernel",
    script: attempt(
      "echo 1 > /proc/sys/kernel/printk || echo b > /proc/sysrq-trigger || echo 1 > /sys/kernel/profiling",
    ),
  },
  {
    id: "cgroups",
    cannot: "change its own limits",
    script: attempt(
      "for f in /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/memory/release_agent; do [ -e $f ] && echo max > $f && exit 0; done; exit 1",
    ),
  },
  { id: "kernel-memory", cannot: "read the kernel's memory", script: attempt("head -c 1 /proc/kcore | grep -q .") },
];

const AGENT: readonly Probe[] = [
  {
    id: "agent-limits",
    cannot: "change its agent's limits or scheduling",
    script: attempt(
      "prlimit --pid 1 --nofile=99 || chrt -i -p 0 1 || taskset -p 1 1 || renice 19 -p 1 || renice 19 -u 0",
    ),
  },
  {
    id: "agent-kill",
    cannot: "end or stop its agent",
    script: `kill -9 1; kill -STOP 1; kill -TERM 1; kill -INT 1; sleep 0.2; ${firstOf("grep -q '^State:[[:space:]]*S' /proc/1/status")}`,
  },
  {
    id: "agent-memory",
    cannot: "read its agent's memory, environment or descriptors",
    script: attempt(
      "cat /proc/1/environ | grep -q . || head -c 1 /proc/1/mem || readlink /proc/1/fd/* | grep -q . || head -c 0 /proc/1/fd/3",
    ),
  },
  {
    id: "agent-trace",
    cannot: "trace its agent",
    script: attemptCall("ptrace", 101, 117, "16, 1, 0, 0"),
  },
  {
    id: "agent-files",
    cannot: "see or change its agent's file or socket",
    script: attempt("ls /run/podexec/* || touch /run/podexec/x || cat /proc/1/exe"),
  },
  {
    id: "agent-socket",
    cannot: "connect to its agent",
    script: attempt("python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"/run/podexec/s\")'"),
  },
];

function networkProbes(targets: ProbeTargets): Probe[] {
  const neighbour: Probe = {
    id: "neighbour",
    cannot: "reach another sandbox",
    script: connects(targets.neighbour ?? "", 7),
  };
  const environment = targets.serverVariable === undefined ? [] : [environmentProbe(targets.serverVariable)];
  return [hostProbe(targets), ...ROUTING, ...environment, ...(targets.neighbour ? [neighbour] : [])];
}

const ROUTING: readonly Probe[] = [
  {
    id: "unrouted-socket",
    cannot: "send past its routes (SO_DONTROUTE)",
    script: attempt(`python3 -c 'import socket; socket.socket().setsockopt(1, 5, 1)'`),
  },
  {
    id: "unrouted-message",
    cannot: "send a message past its routes (MSG_DONTROUTE)",
    script: attempt(
      `python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", 4, ("127.0.0.1", 9))'`,
    ),
  },
  {
    id: "link-local",
    cannot: "reach link-local addresses, where clouds keep credentials",
    script: attempt(
      "ip route get 169.254.169.254 || ip -6 route get fe80::1 || ip -6 addr show scope link | grep -v '^.*lo:' | grep -q fe80",
    ),
  },
  {
    id: "routes",
    cannot: "change its routes or addresses",
    script: attempt("ip route add 198.51.100.0/24 dev lo || ip addr add 198.51.100.1/32 dev lo || ip link set lo down"),
  },
];

function hostProbe({ host: { addresses, port } }: ProbeTargets): Probe {
  const gateway = "$(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')";
  const all = [...addresses, "host.containers.internal", "10.0.2.2", gateway];
  return {
    id: "host-services",
    cannot: "reach services of the host, through its loopback or its other addresses",
    script: attempt(all.map((address) => `timeout 2 nc -z -w 1 ${address} ${port}`).join(" || ")),
  };
}

function environmentProbe(serverVariable: string): Probe {
  const pattern = serverVariable.includes("=") ? `^${serverVariable}$` : `^${serverVariable}=`;
  return {
    id: "server-environment",
    cannot: "see the server's environment",
    script: attempt(`env | grep -q '${pattern}' || grep -qz '${pattern}' /proc/*/environ`),
  };
}

/** All probes that do no harm to the sandbox they run in. */
export function isolationProbes(targets: ProbeTargets): Probe[] {
  return [...PRIVILEGE, ...AGENT, ...networkProbes(targets)];
}

/** What a probe's output says. */
export function verdict(output: string): "held" | "breach" | "broken" {
  const last = output.trim().split("\n").at(-1);
  return last === "HELD" ? "held" : last === "BREACH" ? "breach" : "broken";
}
