/** What podexec promises of Podman over MCP. */
export const podmanRequirements = {
  "podman-tools.run": "podman_run starts containers, or runs them to their end, and leaves none that could not start.",
  "podman-tools.batch": "A verb for several containers has one result each, and one failure does not hide the others.",
  "podman-tools.exec": "podman_exec: a status other than 0 is a result, output and time are bounded.",
  "podman-tools.logs": "podman_logs tells stdout and stderr in their order.",
  "podman-tools.follow": "Following is told as progress, and ends by itself, with what it follows, or by cancelling.",
  "podman-tools.cancel": "What a client gives up ends on the host too.",
  "podman-tools.inspect": "podman_inspect tells all about anything of the host, by name or by type.",
  "podman-tools.usage":
    "Lists, statistics, processes, changes and health of containers, and the host, can be asked for.",
  "podman-tools.images": "Images are listed, named, removed, built, pulled, pushed, and shown with their history.",
  "podman-tools.copy": "Files are copied into, out of and between containers, of the host only where that is allowed.",
  "podman-tools.names": "Names, images and the like are validated before Podman sees them and can never become a flag.",
  "podman-tools.failure": "A failure has a code, a message and Podman's own words, mapped from real Podman.",
  "podman-tools.policy":
    "Privileges, devices, host namespaces and host folders are refused unless the operator allows them.",
  "podman-tools.own": "With --own-only nothing is seen or touched but what podexec made.",
  "podman-tools.sandboxes": "No podman tool sees or touches a sandbox.",
  "podman-tools.compose": "Compose files of ordinary shape come up in the order of their dependencies and go down.",
  "podman-tools.compose-again": "Brought up again, a project changes only where its file did.",
  "podman-tools.compose-rollback":
    "Where a step fails or is cancelled, what the call made is removed and what it stopped runs again.",
  "podman-tools.compose-down": "A project goes down by its file or its name, its volumes only where asked for.",
  "podman-tools.compose-read": "The compose specification is read as its words say; what is not supported is told.",
  "podman-tools.compose-policy":
    "A compose file reads and mounts allowed folders only, and gets no privilege that is not allowed.",
  "podman-tools.compose-provider":
    "--compose-provider leaves the work to an installed provider, after the same checks.",
  "podman-tools.objects": "Networks, volumes and pods are listed, inspected, created and removed.",
  "podman-tools.secrets": "Secrets are created and listed, and their values never come back.",
  "podman-tools.prune": "podman_prune tells what is unused, and removes exactly that only where asked for.",
  "podman-tools.kube": "Kubernetes YAML is written and run; what reaches the host is refused however it is written.",
  "podman-tools.systemd": "Units are written for containers and pods, and automatic updates are told.",
  "podman-tools.select": "The operator selects toolsets, single tools, only those that read, or none that destroy.",
} as const satisfies Record<string, string>;
