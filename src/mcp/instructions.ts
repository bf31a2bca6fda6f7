/** What a client tells its model about podexec before the first call. */
import type { Tool } from "./tool.ts";

const SANDBOX = `\
podexec gives this conversation a Linux machine of its own: a Debian sandbox (unless configured otherwise), you are root \
in it, and nothing of the host is reachable. The first call makes it.

- Files, installed packages and running processes persist between calls. Work in /workspace.
- Every result names its \`sandbox\` (sbx_...). Where calls do not share a sandbox by themselves (a result says "This is a \
new sandbox" again), pass that handle as \`sandbox\` to stay in the same one. sandbox_create makes another, sandbox_close \
ends one.
- shell_exec runs a command. A \`retval\` other than 0 is the command's own answer, not a failure of the tool. Standard \
input is closed unless you give it; use \`tty: true\` and shell_input for programs that ask questions.
- Long work: shell_exec waits up to \`wait_ms\` and then answers \`running: true\` with the command's id; go on with \
shell_wait, or end it with shell_kill. Start servers and other lasting work with \`background: true\`. With an \
\`idempotency_key\` a repeated call attaches to the first one instead of running the command twice.
- Output is cut in the middle when it is long: the result names a file with all of it, and shell_output reads parts.
- file_read, file_write, file_edit, file_list and file_search work on files without shell quoting; prefer them to cat, \
sed and find.
- port_expose gives a URL for a server that listens in the sandbox.`;

const PODMAN = `\
The podman_ tools manage the containers, images and so on of the host that podexec runs on. They are not in the sandbox, \
and sandboxes are not among them.

- podman_ps, podman_images and podman_inspect show what is there; names and ids come from them.
- A verb for several containers has one result for each. A failure has a \`code\`, and Podman's own words in \
\`data.details\`.
- Folders of the host, privileges, devices and host namespaces are refused unless the operator allows them: use volumes.`;

/** The instructions for the tools that are offered. */
export function instructionsFor(tools: readonly Tool[]): string {
  const has = (toolset: string) => tools.some((tool) => (tool.toolset ?? "sandbox") === toolset);
  return [...(has("sandbox") || !has("podman") ? [SANDBOX] : []), ...(has("podman") ? [PODMAN] : [])].join("\n\n");
}
