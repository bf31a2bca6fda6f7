import { PodexecError } from "../errors.ts";
import { Files } from "../sandbox/files/files.ts";
import { openStream } from "../sandbox/agent/stream.ts";
import { defineVerb, type VerbContext } from "./command.ts";
import { copyIn } from "./cp-in.ts";
import { copyOut } from "./cp-out.ts";
import { Copying } from "./cp-progress.ts";
import { hostArgs, loadHostConfig, openEngine, openHost } from "./host.ts";
import { reachSandbox } from "./sandbox.ts";

/** `podexec cp`: files and folders into a sandbox and out of it. */
export const cp = defineVerb({
  args: {
    from: {
      type: "positional",
      required: true,
      summary: "What to copy: LOCAL or HANDLE:PATH, or - for standard input",
    },
    to: { type: "positional", required: true, summary: "Where to: HANDLE:PATH or LOCAL, or - for standard output" },
    ...hostArgs(),
  },
  details:
    "One of the two is in a sandbox: its handle (or container or name), a colon and a path. Paths there that do not begin " +
    "with / lie in the working directory, /workspace. A local path with a colon is written ./a:b. " +
    "Folders are copied with all that is in them; into a folder that is there already goes a folder of the same name, and " +
    "FOLDER/. is what is in it. Permission bits stay; the owner is the one who gets it: the sandbox's root, or you. " +
    "Links stay links; out of a sandbox only such as do not lead out of what is copied. " +
    "What is left out (sockets, devices, such links) is named, and the exit status is then 1.",
  examples: [
    "podexec cp data.csv sbx_0123456789abcdef0123456789abcdef:input/",
    "podexec cp podexec-1f2e3d4c5b6a:/workspace/report ./report",
    "tar c . | podexec cp - podexec-1f2e3d4c5b6a:/tmp/all.tar",
    "podexec cp podexec-1f2e3d4c5b6a:out.json - | jq .",
  ],
  async run(context) {
    const { args } = context;
    const [from, to] = [placeOf(args.from), placeOf(args.to)];
    if (from.sandbox !== undefined && to.sandbox === undefined) {
      return withFiles(from.sandbox, context, (files, copying) => copyOut({ files, copying }, from.path, to.path));
    }
    if (from.sandbox === undefined && to.sandbox !== undefined) {
      const { path } = to;
      return withFiles(to.sandbox, context, (files, copying) => copyIn({ files, copying }, from.path, path));
    }
    const problem = from.sandbox === undefined ? "neither path is in a sandbox" : "both paths are in a sandbox";
    throw new PodexecError("USAGE", problem, {
      hint: "One is HANDLE:PATH, the other is local: podexec cp notes.txt HANDLE:/workspace/",
    });
  },
});

interface Place {
  /** Undefined: this host. */
  sandbox?: string;
  path: string;
}

/** `HANDLE:PATH`, unless a slash comes before the colon. One letter is a drive of Windows. */
function placeOf(word: string): Place {
  const [, sandbox, path] = /^([^/\\:]{2,}):(.*)$/s.exec(word) ?? [];
  return sandbox === undefined || path === undefined ? { path: word } : { sandbox, path: path === "" ? "." : path };
}

async function withFiles(
  word: string,
  context: VerbContext,
  copy: (files: Files, copying: Copying) => Promise<void>,
): Promise<number> {
  const config = loadHostConfig(context);
  const engine = openEngine(await openHost(config), config);
  const files = await reachSandbox({ engine, dataFolder: config.dataFolder }, word, async (ref) => {
    const opened = new Files((to, handlers) => openStream(engine, ref, { to }, handlers));
    await opened.stat(".", { signal: context.signal });
    return opened;
  });
  const copying = new Copying(context);
  try {
    await copy(files, copying);
    return copying.leftOut > 0 ? 1 : 0;
  } finally {
    copying.end();
    files.close();
  }
}
