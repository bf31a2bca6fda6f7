import { z } from "zod";
import { composeDown } from "../../podman/compose/down.ts";
import { followProject } from "../../podman/compose/follow.ts";
import { provideDown, provideUp } from "../../podman/compose/provider.ts";
import { composeUp, type UpResult } from "../../podman/compose/up.ts";
import { table, shortId } from "../../podman/manage/text.ts";
import { textWithoutNul } from "../fields.ts";
import { DESTROYS, managerOf } from "../podman-fields.ts";
import { ProgressFeed } from "../progress.ts";
import { defineTool, type ToolContext } from "../tool.ts";

const fileField = textWithoutNul("file")
  .min(1)
  .max(4_095)
  .default("docker-compose.yml")
  .describe("Compose file on the server's host, below its working folder or one of --allow-mount.");
const projectField = z
  .string()
  .max(63)
  .optional()
  .describe("Name of the project; default: the file's, or its folder's.");
const namesField = z.array(z.string().max(100)).max(100).optional();

const upOutput = z.object({
  project: z.string(),
  services: z.array(
    z.object({
      service: z.string(),
      container: z.string(),
      id: z.string(),
      image: z.string(),
      action: z.enum(["created", "recreated", "started", "unchanged"]),
    }),
  ),
  created: z
    .object({ networks: z.array(z.string()), volumes: z.array(z.string()), secrets: z.array(z.string()) })
    .describe("What was not there before."),
  orphans: z.array(z.string()).describe("Containers of the project that the file does not name any more."),
  unsupported: z.array(z.string()).describe("What the file says and podexec leaves out."),
  logs: z.string().optional().describe("With `detach: false`."),
  provider_output: z.string().optional().describe("What the provider said, with --compose-provider."),
});

export const podmanComposeUp = defineTool({
  name: "podman_compose_up",
  toolset: "podman",
  title: "Bring a compose file up",
  description:
    "Create and start the services of a compose file, in the order of their dependencies. Called again, it changes only " +
    "what differs from the file; if a step fails, what the call had made is removed again.",
  input: z.strictObject({
    file: fileField,
    project_name: projectField,
    detach: z.boolean().default(true).describe("false: follow the logs until all containers end, within bounds."),
    build: z.boolean().optional().describe("Build images that are there already."),
    services: namesField.describe("Only these, with what they depend on."),
    profiles: namesField.describe("Profiles that are active."),
    env: z
      .record(z.string().max(200), textWithoutNul("env").max(32_768))
      .optional()
      .describe("Variables for ${NAME} in the file; stronger than .env. The server's own are not seen."),
  }),
  output: upOutput,
  annotations: { ...DESTROYS, openWorldHint: true },
  async run(args, context) {
    const manager = managerOf(context);
    const { file, detach, build, services, profiles, env } = args;
    const request = {
      file,
      build,
      services,
      profiles,
      base: process.cwd(),
      projectName: args.project_name,
      env: env ?? {},
    };
    const feed = new ProgressFeed((done, message) => context.progress(done, message));
    const control = { signal: context.signal, tell: (message: string) => feed.push(`${message}\n`) };
    try {
      const isProvided = manager.composeProvider;
      const result = isProvided
        ? await provideUp(manager, request, control)
        : await composeUp(manager, request, control);
      const logs = detach ? undefined : await followProject(manager, result.services, control);
      const structured = { ...result, ...(logs === undefined ? {} : { logs }) };
      return { structured, text: upText(structured) };
    } finally {
      feed.stop();
    }
  },
});

function upText(result: UpResult & { logs?: string; provider_output?: string }): string {
  const { project, services, orphans, unsupported, logs, provider_output: said } = result;
  const rows = services.map(({ service, container, id, action }) => [service, container, shortId(id), action]);
  return [
    `The project ${project} is up.`,
    table(["SERVICE", "CONTAINER", "ID", "ACTION"], rows, "No services."),
    ...(orphans.length > 0 ? [`Not in the file any more: ${orphans.join(", ")}`] : []),
    ...(unsupported.length > 0 ? ["Left out:", ...unsupported.map((line) => `- ${line}`)] : []),
    ...(said === undefined || said === "" ? [] : [said]),
    ...(logs === undefined ? [] : ["Logs:", logs]),
  ].join("\n");
}

const downOutput = z.object({
  project: z.string(),
  removed: z.object({
    containers: z.array(z.string()),
    networks: z.array(z.string()),
    volumes: z.array(z.string()),
    secrets: z.array(z.string()),
  }),
  kept: z
    .array(z.object({ kind: z.string(), name: z.string(), why: z.string() }))
    .describe("What something else still uses."),
  provider_output: z.string().optional(),
});

export const podmanComposeDown = defineTool({
  name: "podman_compose_down",
  toolset: "podman",
  title: "Take a compose project down",
  description:
    "Stop and remove the containers, networks and secrets of a compose project, named by its file or by `project_name` " +
    "alone; its volumes only with `volumes: true`.",
  input: z.strictObject({
    file: fileField,
    project_name: projectField,
    volumes: z.boolean().default(false).describe("Remove the volumes too, with all that is in them."),
  }),
  output: downOutput,
  annotations: { ...DESTROYS, idempotentHint: true },
  async run(args, context) {
    const manager = managerOf(context);
    const { file, volumes, project_name: projectName } = args;
    const request = { file, volumes, projectName, base: process.cwd() };
    const control = { signal: context.signal, tell: stepsOf(context) };
    const isProvided = manager.composeProvider;
    const structured = isProvided
      ? await provideDown(manager, request, control)
      : await composeDown(manager, request, control);
    return { structured, text: downText(structured) };
  },
});

function stepsOf(context: ToolContext): (message: string) => void {
  let done = 0;
  return (message) => context.progress(++done, message);
}

function downText({ project, removed, kept }: z.infer<typeof downOutput>): string {
  const lines = Object.entries(removed).flatMap(([kind, names]) =>
    names.length > 0 ? [`${kind}: ${names.join(", ")}`] : [],
  );
  const left = kept.map(({ kind, name, why }) => `kept the ${kind} ${name}: ${why}`);
  if (lines.length + left.length === 0) return `There is nothing of the project ${project}.`;
  return [`The project ${project} is down. Removed:`, ...lines, ...left].join("\n");
}
