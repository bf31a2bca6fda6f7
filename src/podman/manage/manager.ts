/** Podman as the podman tools use it: guarded by the policy, with failures that have a code. */
import { z } from "zod";
import { PodexecError, toPodexecError } from "../../errors.ts";
import type { Adaptation } from "../adaptation.ts";
import { parseJson, type Podman, type RunOptions, type RunResult } from "../client.ts";
import { failureOf, notConnected } from "./failures.ts";
import { containerName } from "./names.ts";
import { checkLabels, MANAGED_LABEL, type Policy } from "./policy.ts";

export interface ManagerOptions {
  podman: Podman;
  adaptation: Adaptation;
  policy: Policy;
  /** Bytes of text in a result. */
  outputBytes: number;
  /** Compose files are brought up by the provider of `podman compose`; default: by podexec itself. */
  composeProvider?: boolean;
}

/** A container that the caller may touch. */
export interface Target {
  /** As the caller named it. */
  name: string;
  /** The whole id: what Podman is given, so that nothing else can be meant. */
  id: string;
  isRunning: boolean;
  isPaused: boolean;
}

const targetSchema = z.object({
  Id: z.string(),
  Name: z.string().default(""),
  State: z.object({ Running: z.boolean().default(false), Paused: z.boolean().default(false) }).nullish(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});
const targetsSchema = z.array(targetSchema).nullish();

/** Ids are told with 12 characters: shorter beginnings could mean anything. */
const SHORTEST_ID = 12;

export class PodmanManager {
  /** With the flags of this host in front of every verb. */
  readonly podman: Podman;
  readonly adaptation: Adaptation;
  readonly policy: Policy;
  readonly outputBytes: number;
  readonly composeProvider: boolean;

  constructor(options: ManagerOptions) {
    this.podman = options.podman.withGlobalArgs(options.adaptation.globalArgs);
    this.adaptation = options.adaptation;
    this.policy = options.policy;
    this.outputBytes = options.outputBytes;
    this.composeProvider = options.composeProvider ?? false;
  }

  /** The flags that `run`, `create` and the like need for what podexec makes: its label, and what this host needs. */
  get makeArgs(): string[] {
    return [...this.labelArgs, ...this.adaptation.runArgs];
  }

  /** The label of podexec's own objects. */
  get labelArgs(): string[] {
    return ["--label", `${MANAGED_LABEL}=1`];
  }

  /** Runs podman; a status other than 0 is a result. @throws PodexecError PODMAN_NOT_CONNECTED, PODMAN_ERROR, CANCELLED */
  async run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    try {
      return await this.podman.run(args, options);
    } catch (error) {
      throw notConnected(toPodexecError(error));
    }
  }

  /** Starts podman, whose streams the caller drives. @throws PodexecError PODMAN_NOT_CONNECTED */
  start(args: readonly string[]): ReturnType<Podman["start"]> {
    try {
      return this.podman.start(args);
    } catch (error) {
      throw notConnected(toPodexecError(error));
    }
  }

  /** Runs podman, which has to succeed. @returns stdout @throws PodexecError with Podman's failure as a code */
  async must(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    if (result.status !== 0) throw failureOf(verbOf(args), result);
    return result.stdout;
  }

  /** Runs podman, which has to succeed and to print JSON of this shape; nothing at all counts as null. */
  async json<Schema extends z.ZodType>(
    args: readonly string[],
    schema: Schema,
    options: RunOptions = {},
  ): Promise<z.infer<Schema>> {
    return parseJson(args, await this.must(args, options), schema);
  }

  /**
   * Finds a container that the caller may touch.
   *
   * @throws PodexecError INVALID_CONTAINER_NAME, CONTAINER_NOT_FOUND, REFUSED
   */
  async target(name: string, signal?: AbortSignal): Promise<Target> {
    const [found] = await this.targets([name], signal);
    if (!found || found instanceof PodexecError) throw found ?? missing(name);
    return found;
  }

  /** Finds several with one call of podman: for each name the container, or why it cannot be had. */
  async targets(names: readonly string[], signal?: AbortSignal): Promise<(Target | PodexecError)[]> {
    const valid = names.filter((name) => !(attempt(() => containerName(name)) instanceof PodexecError));
    const found = valid.length > 0 ? await this.#inspect([...new Set(valid)], signal) : [];
    return names.map((name) => attempt(() => this.#choose(containerName(name), found)));
  }

  async #inspect(names: readonly string[], signal?: AbortSignal): Promise<z.infer<typeof targetSchema>[]> {
    const args = ["container", "inspect", "--", ...names];
    const result = await this.run(args, signal ? { signal } : {});
    const failure = result.status === 0 ? undefined : failureOf("container inspect", result);
    // Those that are there are told beside the failure about those that are not.
    if (failure && failure.code !== "CONTAINER_NOT_FOUND") throw failure;
    return parseJson(args, result.stdout, targetsSchema) ?? [];
  }

  #choose(name: string, found: readonly z.infer<typeof targetSchema>[]): Target {
    const container =
      found.find((each) => each.Name === name) ??
      found.find((each) => name.length >= SHORTEST_ID && each.Id.startsWith(name));
    if (!container) throw missing(name);
    checkLabels(this.policy, `the container ${name}`, container.Config?.Labels);
    const { Id: id, State: state } = container;
    return { name, id, isRunning: state?.Running ?? false, isPaused: state?.Paused ?? false };
  }
}

/** What Podman is asked, for messages: `container inspect`, `volume rm`, `stop`. */
function verbOf(args: readonly string[]): string {
  const [verb = "", next = ""] = args;
  return GROUPS.has(verb) ? `${verb} ${next}` : verb;
}

const GROUPS: ReadonlySet<string> = new Set([
  "container",
  "image",
  "volume",
  "network",
  "pod",
  "secret",
  "system",
  "generate",
  "kube",
  "play",
  "healthcheck",
]);

function missing(name: string): PodexecError {
  return new PodexecError("CONTAINER_NOT_FOUND", `there is no container ${name}`, {
    details: `no container with name or ID "${name}" found: no such container`,
    hint: "podman_ps with `all: true` shows them, by name and by id of 12 characters.",
  });
}

function attempt<Value>(work: () => Value): Value | PodexecError {
  try {
    return work();
  } catch (error) {
    return toPodexecError(error);
  }
}
