/** The same command without anything between: a loop of posix_spawn inside a sandbox. */
import type { Session } from "./client.ts";

/**
 * Starts `/bin/sh -lc COMMAND` from a python3 in the session's sandbox, reads its output to the end and waits for it.
 *
 * @returns how long each took, in milliseconds
 */
export async function timedNatively(session: Session, count: number, command: string): Promise<number[]> {
  const script = `import json, os, time
times = []
for _ in range(${count}):
    started = time.perf_counter()
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
    pid = os.posix_spawn("/bin/sh", ["/bin/sh", "-lc", ${JSON.stringify(command)}], os.environ, file_actions=actions)
    os.close(writer)
    while os.read(reader, 65536):
        pass
    os.close(reader)
    os.waitpid(pid, 0)
    times.append((time.perf_counter() - started) * 1000)
print(json.dumps([round(t, 4) for t in times]))`;
  return JSON.parse(await session.exec(`python3 - <<'END'\n${script}\nEND`)) as number[];
}
