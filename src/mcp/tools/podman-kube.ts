import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import { checkedKube } from "../../podman/manage/kube.ts";
import { objectName } from "../../podman/manage/names.ts";
import { findObject } from "../../podman/manage/objects.ts";
import type { PodmanManager } from "../../podman/manage/manager.ts";
import { ADDS, DESTROYS, managerOf, READS } from "../podman-fields.ts";
import { namesField } from "../podman-object-fields.ts";
import { ProgressFeed } from "../progress.ts";
import { defineTool } from "../tool.ts";

const LIMIT_MS = 3_600_000;
const MAX_YAML = 1_048_576;

export const podmanKubeGenerate = defineTool({
  name: "podman_kube_generate",
  toolset: "podman",
  title: "Write Kubernetes YAML",
  description: "Write the Kubernetes YAML of containers, pods or volumes, for podman_kube_play or a cluster.",
  input: z.strictObject({
    names: namesField("containers, pods or volumes"),
    service: z.boolean().default(false).describe("A Service for the published ports, too."),
  }),
  output: z.object({ yaml: z.string() }),
  annotations: READS,
  async run({ names, service }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    for (const name of names) await checkTouchable(manager, { name, signal });
    const args = ["kube", "generate", ...(service ? ["--service"] : []), "--", ...names];
    const yaml = await manager.must(args, { signal });
    return { structured: { yaml }, text: yaml };
  },
});

/** A pod, a volume or a container: whichever it is, the caller has to be allowed to see it. */
async function checkTouchable(manager: PodmanManager, wanted: { name: string; signal: AbortSignal }): Promise<void> {
  const name = objectName("container, pod or volume", wanted.name);
  if (await findObject(manager, "pod", wanted)) return;
  const [found] = await manager.targets([name], wanted.signal);
  if (found && !(found instanceof PodexecError)) return;
  if (found && found.code !== "CONTAINER_NOT_FOUND") throw found;
  if (await findObject(manager, "volume", wanted)) return;
  throw found ?? new PodexecError("CONTAINER_NOT_FOUND", `there is no container, pod or volume ${name}`);
}

const playOutput = z.object({
  pods: z.array(z.string()).describe("Ids."),
  containers: z.array(z.string()).describe("Ids."),
  volumes: z.array(z.string()),
  output: z.string().describe("What Podman said."),
});

export const podmanKubePlay = defineTool({
  name: "podman_kube_play",
  toolset: "podman",
  title: "Run Kubernetes YAML",
  description:
    "Create and start the pods, volumes, config maps and secrets of a Kubernetes YAML. What reaches the host (hostPath, " +
    "hostNetwork, privileged, capabilities) is refused unless the operator allows it.",
  input: z.strictObject({
    yaml: z.string().min(1).max(MAX_YAML).describe("One or more documents."),
    replace: z.boolean().default(false).describe("Remove pods of these names before."),
    start: z.boolean().default(true),
  }),
  output: playOutput,
  annotations: { ...ADDS, destructiveHint: DESTROYS.destructiveHint },
  async run({ yaml, replace, start }, context) {
    const manager = managerOf(context);
    const { documents, pods } = checkedKube(yaml, manager.policy);
    const { signal } = context;
    // A pod of that name may be somebody else's; one that was not there goes again where it cannot start.
    const before = new Set<string>();
    for (const name of pods) if (await findObject(manager, "pod", { name, signal })) before.add(name);
    const fresh = pods.filter((name) => !before.has(name));
    const feed = new ProgressFeed((done, message) => context.progress(done, message));
    try {
      const flags = [
        `--start=${start}`,
        ...(replace ? ["--replace"] : []),
        ...(manager.adaptation.remote ? [] : ["--build=false"]),
      ];
      const onLine = (line: string) => feed.push(`${line}\n`);
      const stdin = new TextEncoder().encode(documents);
      const said = await manager.must(["kube", "play", ...flags, "-"], { signal, stdin, onLine, timeoutMs: LIMIT_MS });
      const structured = { ...sectionsOf(said), output: said.slice(0, manager.outputBytes) };
      return { structured, text: said.trim() || "Nothing was made." };
    } catch (error) {
      for (const name of fresh) await manager.run(["pod", "rm", "--force", "--", name]);
      throw error;
    } finally {
      feed.stop();
    }
  },
});

const SECTIONS: Readonly<Record<string, "pods" | "containers" | "volumes">> = {
  "Pod:": "pods",
  "Pods:": "pods",
  "Container:": "containers",
  "Containers:": "containers",
  "Volume:": "volumes",
  "Volumes:": "volumes",
};

/** Podman tells what it made under titles. */
function sectionsOf(said: string): Omit<z.infer<typeof playOutput>, "output"> {
  const sections = { pods: new Array<string>(), containers: new Array<string>(), volumes: new Array<string>() };
  let section: keyof typeof sections | undefined;
  for (const line of said.split("\n").map((each) => each.trim())) {
    if (Object.hasOwn(SECTIONS, line)) section = SECTIONS[line];
    else if (line === "") section = undefined;
    else if (section) sections[section].push(line);
  }
  return sections;
}
