import { z } from "zod";
import { execute, type Executed } from "../../podman/manage/exec.ts";
import { containerPath, userName, variable } from "../../podman/manage/names.ts";
import { bounded } from "../../podman/manage/text.ts";
import { textWithoutNul } from "../fields.ts";
import { containerField, DESTROYS, managerOf, telling } from "../podman-fields.ts";
import { defineTool } from "../tool.ts";

const MAX_TEXT = 131_072;

const input = z.strictObject({
  container: containerField,
  command: z
    .array(textWithoutNul("command").max(MAX_TEXT))
    .min(1)
    .max(1000)
    .describe('Program and arguments; no shell unless you name one: ["sh", "-c", "..."].'),
  user: z.string().max(130).optional(),
  workdir: z.string().max(4_095).optional(),
  env: z.array(textWithoutNul("env").max(MAX_TEXT)).max(1000).optional().describe("NAME=VALUE."),
  stdin: z.string().max(4_194_304).optional().describe("Text for standard input; default: none."),
  timeout_ms: z.int().min(100).max(86_400_000).default(120_000).describe("After that the command is ended."),
});

const output = z.object({
  retval: z.int().describe("The exit status; 124 where the time was over."),
  stdout: z.string(),
  stderr: z.string(),
  truncated: z.boolean(),
  timed_out: z.boolean(),
});

export const podmanExec = defineTool({
  name: "podman_exec",
  toolset: "podman",
  title: "Run a command in a container",
  description:
    "Run a command in a running container of the host and return its output. A `retval` other than 0 is the command's own " +
    "answer, not a failure of the tool.",
  input,
  output,
  annotations: { ...DESTROYS, openWorldHint: true },
  async run({ container, command, user, workdir, env, stdin, timeout_ms }, context) {
    const manager = managerOf(context);
    const args = [
      ...(user === undefined ? [] : ["--user", userName(user)]),
      ...(workdir === undefined ? [] : ["--workdir", containerPath("workdir", workdir)]),
      ...(env ?? []).flatMap((one) => ["--env", variable(one)]),
      ...(stdin === undefined ? [] : ["--interactive"]),
    ];
    const target = await manager.target(container, context.signal);
    const input = stdin === undefined ? {} : { stdin: new TextEncoder().encode(stdin) };
    const options = { signal: context.signal, timeoutMs: timeout_ms, ...input };
    const result = await telling(context, (onLine) =>
      execute(manager, { target, args, command }, { ...options, onLine }),
    );
    const structured = structure(result, manager.outputBytes);
    return { structured, text: toText(structured, timeout_ms) };
  },
});

function structure(result: Executed, limit: number): z.infer<typeof output> {
  const [stdout, stderr] = [bounded(result.stdout, limit), bounded(result.stderr, limit)];
  return {
    retval: result.status,
    stdout: stdout.text,
    stderr: stderr.text,
    truncated: stdout.truncated || stderr.truncated,
    timed_out: result.timedOut,
  };
}

function toText({ retval, stdout, stderr, timed_out }: z.infer<typeof output>, timeoutMs: number): string {
  const ending = timed_out ? [`[timed out after ${timeoutMs} ms]`] : retval === 0 ? [] : [`[exit status ${retval}]`];
  return [stdout, stderr, ...ending].filter(Boolean).join("\n") || "[no output]";
}
