import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import type { Wish } from "../../sandbox/owners/wishes.ts";
import { parseDuration, parseSize } from "../../units.ts";
import { bytesOf, textWithoutNul } from "../fields.ts";
import { defineTool } from "../tool.ts";
import { lineOf, sandboxView, viewOf } from "./sandbox-view.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const LEAST_MEMORY = 16 * 2 ** 20;
const LEAST_TTL_MS = 1_000;

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** They become arguments of podman, which the kernel bounds. */
const MAX_ENVIRONMENT = 65_536;

const environment = z
  .record(z.string().regex(VARIABLE, "not a variable name"), textWithoutNul("a value"))
  .refine(
    (env) => bytesOf(Object.entries(env).flat().join("==")) <= MAX_ENVIRONMENT,
    `names and values may have at most ${MAX_ENVIRONMENT} bytes together`,
  );

const input = z.strictObject({
  name: z
    .string()
    .regex(NAME, "letters, digits, `.`, `_` and `-`, at most 64")
    .optional()
    .describe("A name of your choice, for lists. No two of your sandboxes have the same."),
  image: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe("A container image of the server's host. Default: the server's."),
  workspace: z
    .string()
    .min(1)
    .max(4_095)
    .optional()
    .describe(
      "A folder of the server's host to see as /workspace, `:ro` behind it to be read-only, if the server allows it.",
    ),
  env: environment.optional().describe("Variables for every command in it."),
  network: z.enum(["internet", "none"]).optional().describe("What it reaches. Default: as the server has it."),
  memory: z
    .union([z.string().max(32), z.int()])
    .optional()
    .describe("Its memory, such as `512m`, or bytes. At most what the server allows, which is the default."),
  cpus: z.number().min(0.01).max(1024).optional().describe("Its processors. At most what the server allows."),
  ttl: z
    .union([z.string().max(32), z.int()])
    .optional()
    .describe("When it is removed whatever runs in it, such as `2h`, or milliseconds. Default: the server's lifetime."),
});

type Args = z.infer<typeof input>;

const output = sandboxView.extend({ note: z.string() });

export const sandboxCreate = defineTool({
  name: "sandbox_create",
  title: "Create a sandbox",
  description:
    "Create a further sandbox: a Linux machine of its own with an empty disk. You need none to begin with, for the first " +
    "command makes one. Use it for work that must not touch the first, for another image, or to keep work apart. " +
    "Pass the handle it returns as `sandbox` to the other tools.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  async run(args, context) {
    const { caller, services } = context;
    const request = { name: args.name, wish: wishOf(args), ttlMs: ttlOf(args.ttl) };
    const { entry, isDefault } = await services.registry.create(caller, request, context.signal);
    const view = viewOf(entry, context);
    const note = isDefault
      ? "This conversation had no sandbox: calls without `sandbox` run in this one from now on."
      : `Pass \`sandbox: "${view.sandbox}"\` in every call that is to run in it${caller.session === undefined ? "" : "; calls without it run in this conversation's other one"}.`;
    return { structured: { ...view, note }, text: `${lineOf(view)}\n${note}` };
  },
});

/** Undefined where nothing is wished for that would make it differ from any other. */
function wishOf({ image, workspace, env, network, memory, cpus }: Args): Wish | undefined {
  const wish: Wish = { image, workspace: folderOf(workspace), env, network, memory: memoryOf(memory), cpus };
  return Object.values(wish).some((value) => value !== undefined) ? wish : undefined;
}

function folderOf(text: string | undefined): Wish["workspace"] {
  if (text === undefined) return undefined;
  if (text.includes("\0")) throw new PodexecError("INVALID_PARAMS", "workspace: must not contain NUL");
  const mode = /:(ro|rw)$/.exec(text);
  return { path: mode ? text.slice(0, -3) : text, readOnly: mode?.[1] === "ro" };
}

function memoryOf(given: Args["memory"]): number | undefined {
  if (given === undefined) return undefined;
  const bytes = typeof given === "number" ? given : parseSize(given);
  if (bytes !== undefined && bytes >= LEAST_MEMORY) return bytes;
  throw new PodexecError("INVALID_PARAMS", "memory: not a size of at least 16m, such as 512m or 2g");
}

function ttlOf(given: Args["ttl"]): number | undefined {
  if (given === undefined) return undefined;
  const ms = typeof given === "number" ? given : parseDuration(given);
  if (ms !== undefined && ms >= LEAST_TTL_MS) return ms;
  throw new PodexecError("INVALID_PARAMS", "ttl: not a duration of at least 1s, such as 30m or 2h");
}
