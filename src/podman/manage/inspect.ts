/** Everything Podman knows about a thing. */
import { PodexecError, toPodexecError } from "../../errors.ts";
import { containerName, imageName, objectName, quoted } from "./names.ts";
import type { PodmanManager } from "./manager.ts";
import { checkLabels } from "./policy.ts";
import { inspected } from "./schemas.ts";
import { parseJson } from "../client.ts";

export const KINDS = ["container", "image", "volume", "network", "pod", "secret"] as const;
export type Kind = (typeof KINDS)[number];

export interface Inspected {
  kind: Kind;
  object: Record<string, unknown>;
}

/**
 * Inspects a thing; without a kind, the first of container, image, volume, network and pod that has the name.
 *
 * @throws PodexecError INVALID_CONTAINER_NAME, INVALID_IMAGE_NAME, INVALID_PARAMS, REFUSED, CONTAINER_NOT_FOUND and the
 * like for the other kinds
 */
export async function inspect(
  manager: PodmanManager,
  { name, kind }: { name: string; kind?: Kind },
  signal?: AbortSignal,
): Promise<Inspected> {
  if (kind !== undefined) return { kind, object: await inspectOne(manager, { name, kind }, signal) };
  let first: PodexecError | undefined;
  for (const each of ["container", "image", "volume", "network", "pod"] as const) {
    try {
      return { kind: each, object: await inspectOne(manager, { name, kind: each }, signal) };
    } catch (thrown) {
      const error = toPodexecError(thrown);
      // A name that is an image's and could not be a container's is no container's that is wrong.
      if (!/_NOT_FOUND$|^INVALID_/.test(error.code)) throw error;
      if (first === undefined || (first.code === "INVALID_CONTAINER_NAME" && error.code === "IMAGE_NOT_FOUND")) {
        first = error;
      }
    }
  }
  throw first ?? new PodexecError("OBJECT_NOT_FOUND", `there is nothing named ${quoted(name)}`);
}

async function inspectOne(
  manager: PodmanManager,
  { name, kind }: { name: string; kind: Kind },
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  // By its id: the beginning of another's id is not its name.
  const which = kind === "container" ? (await manager.target(containerName(name), signal)).id : checked(kind, name);
  const args = [kind, "inspect", ...(kind === "pod" ? [] : ["--"]), which];
  const text = await manager.must(args, signal ? { signal } : {});
  const parsed: unknown = JSON.parse(text);
  const [object] = parseJson(args, Array.isArray(parsed) ? text : `[${text}]`, inspected) ?? [];
  if (!object) throw new PodexecError("OBJECT_NOT_FOUND", `there is no ${kind} ${quoted(name)}`);
  if (kind !== "image" && kind !== "container") checkLabels(manager.policy, `the ${kind} ${name}`, labelsOf(object));
  return object;
}

function checked(kind: Kind, name: string): string {
  return kind === "image" ? imageName(name) : objectName(kind, name);
}

function labelsOf(object: Record<string, unknown>): Record<string, string> {
  const spec = object["Spec"] as { Labels?: unknown } | undefined;
  const labels = object["Labels"] ?? object["labels"] ?? spec?.Labels ?? {};
  return typeof labels === "object" && labels !== null ? (labels as Record<string, string>) : {};
}
