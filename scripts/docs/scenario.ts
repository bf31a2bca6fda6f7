/** The conversation that the README shows: every tool at least once, in the order in which the README has them. */

/** What was answered so far, by the call's label. */
export type Said = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface Step {
  tool: string;
  /** Under which later steps find its result. */
  as?: string;
  arguments: Readonly<Record<string, unknown>> | ((said: Said) => Readonly<Record<string, unknown>>);
}

const id = (label: string) => (said: Said) => ({ id: said[label]?.["command_id"] ?? said[label]?.["id"] });

const PROGRAM = `import sys

def greet(name):
    return f"Hello, {name}!"

print(greet(sys.argv[1]))
`;

export const scenario: readonly Step[] = [
  { tool: "shell_exec", as: "first", arguments: { command: "cat /etc/debian_version; id -un; pwd" } },
  { tool: "shell_exec", arguments: { command: "ls /nowhere" } },
  { tool: "shell_exec", arguments: { command: "sleep 300 & setsid sleep 400", timeout_ms: 1000 } },
  { tool: "shell_exec", arguments: { command: "python3 -c 'x = bytearray(3 * 10**9)'" } },
  {
    tool: "shell_exec",
    arguments: { command: "echo \"curl -H 'Authorization: $KEY'\"", secrets: { KEY: "sk-0123456789" } },
  },
  {
    tool: "shell_exec",
    as: "steps",
    arguments: { command: "for i in 1 2 3; do echo step $i; sleep 1; done", wait_ms: 1500 },
  },
  {
    tool: "shell_wait",
    arguments: (said) => ({ ...id("steps")(said), cursor: said["steps"]?.["cursor"] }),
  },
  { tool: "shell_exec", as: "python", arguments: { command: "python3 -q", tty: true, wait_ms: 1000 } },
  { tool: "shell_input", arguments: (said) => ({ ...id("python")(said), text: "6 * 7", keys: ["Enter"] }) },
  {
    tool: "shell_exec",
    as: "server",
    arguments: { command: "python3 -u -m http.server 9000 --bind 127.0.0.1", background: true },
  },
  { tool: "shell_wait", arguments: (said) => ({ ...id("server")(said), until: "output" }) },
  { tool: "shell_list", arguments: {} },
  { tool: "shell_kill", arguments: id("python") },
  { tool: "shell_exec", as: "long", arguments: { command: "seq -f 'line %g of a long build log' 1 200000" } },
  { tool: "shell_output", arguments: (said) => ({ ...id("long")(said), grep: "12345" }) },
  { tool: "file_write", arguments: { path: "app/hello.py", content: PROGRAM } },
  { tool: "file_read", arguments: { path: "app/hello.py", from_line: 3, to_line: 4 } },
  { tool: "file_edit", arguments: { path: "app/hello.py", old: "Hello", new: "Good morning" } },
  { tool: "shell_exec", arguments: { command: "python3 app/hello.py Ada" } },
  { tool: "file_list", arguments: { path: "." } },
  { tool: "file_search", arguments: { pattern: "greet\\(" } },
  { tool: "file_move", arguments: { from: "app/hello.py", to: "app/greet.py" } },
  { tool: "file_delete", arguments: { path: "app", recursive: true } },
  { tool: "port_expose", arguments: { port: 9000 } },
  { tool: "port_list", arguments: {} },
  { tool: "port_close", arguments: { port: 9000 } },
  { tool: "sandbox_create", as: "second", arguments: { name: "tests", network: "none", memory: "512m" } },
  { tool: "sandbox_list", arguments: {} },
  { tool: "sandbox_info", arguments: (said) => ({ sandbox: said["second"]?.["sandbox"] }) },
  { tool: "sandbox_close", arguments: (said) => ({ sandbox: said["second"]?.["sandbox"] }) },
];
