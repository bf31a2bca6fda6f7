/** Networks, volumes, pods and secrets: found by name, and only those that the caller may touch. */
import { z } from "zod";
import { PodexecError, type ErrorCode } from "../../errors.ts";
import { parseJson } from "../client.ts";
import { eachOf, type Outcome } from "./batch.ts";
import { failureOf } from "./failures.ts";
import type { PodmanManager } from "./manager.ts";
import { label, objectName } from "./names.ts";
import { checkLabels } from "./policy.ts";

export type ObjectKind = "network" | "volume" | "pod" | "secret";

/** Standard input as a file: Podman takes `-` from a pipe only, and Bun hands bytes on in a file in memory. */
export const SECRET_SOURCE = "/dev/fd/0";

const NOT_FOUND: Readonly<Record<ObjectKind, ErrorCode>> = {
  network: "NETWORK_NOT_FOUND",
  volume: "VOLUME_NOT_FOUND",
  pod: "POD_NOT_FOUND",
  secret: "SECRET_NOT_FOUND",
};

const row = z.record(z.string(), z.unknown());
/** `pod inspect` prints one object in Podman 4 and a list in 5. */
const rowsSchema = z.union([z.array(row), row.transform((one) => [one])]);
const labelsSchema = z.record(z.string(), z.string()).nullish();

export type Inspected = z.infer<typeof row>;

/**
 * What Podman knows of an object; undefined where there is none.
 *
 * @throws PodexecError INVALID_PARAMS for its name; REFUSED where the caller may not touch it
 */
export async function findObject(
  manager: PodmanManager,
  kind: ObjectKind,
  { name, signal }: { name: string; signal: AbortSignal },
): Promise<Inspected | undefined> {
  const args = [kind, "inspect", "--", objectName(kind, name)];
  const result = await manager.run(args, { signal });
  if (result.status !== 0) {
    const failure = failureOf(`${kind} inspect`, result);
    if (failure.code === NOT_FOUND[kind]) return undefined;
    throw failure;
  }
  const [found] = parseJson(args, result.stdout, rowsSchema);
  if (found) checkLabels(manager.policy, `the ${kind} ${name}`, labelsOf(found));
  return found;
}

/** The same, and it has to be there. @throws PodexecError as `findObject`, and NETWORK_NOT_FOUND and the like */
export async function needObject(
  manager: PodmanManager,
  kind: ObjectKind,
  wanted: { name: string; signal: AbortSignal },
): Promise<Inspected> {
  const found = await findObject(manager, kind, wanted);
  if (found) return found;
  throw new PodexecError(NOT_FOUND[kind], `there is no ${kind} ${wanted.name}`, {
    details: `no such ${kind}: ${wanted.name}`,
    hint: `podman_${kind}_list shows them.`,
  });
}

/** Removes objects, with one result each. @throws PodexecError where one alone was asked for and failed */
export function removeObjects(
  manager: PodmanManager,
  { kind, names, flags = [] }: { kind: ObjectKind; names: readonly string[]; flags?: readonly string[] },
  signal: AbortSignal,
): Promise<Outcome[]> {
  return eachOf(names, async (name) => {
    await needObject(manager, kind, { name, signal });
    await manager.must([kind, "rm", ...flags, "--", name], { signal });
    return undefined;
  });
}

/** The labels of an inspected object, whatever its kind writes them as. */
function labelsOf(found: Inspected): Record<string, string> | null | undefined {
  const spec = row.safeParse(found["Spec"]);
  const labels = found["labels"] ?? found["Labels"] ?? (spec.success ? spec.data["Labels"] : undefined);
  return labelsSchema.safeParse(labels).data;
}

/**
 * `--label` for labels that a client gives. Some of Podman's verbs take several in one flag, separated by commas.
 *
 * @throws PodexecError INVALID_PARAMS, REFUSED
 */
export function objectLabels(labels: Readonly<Record<string, string>> | undefined): string[] {
  return Object.entries(labels ?? {}).flatMap(([name, value]) => {
    if (/[,"\n]/.test(value))
      throw new PodexecError("INVALID_PARAMS", `labels: ${name} must not have a comma, quote or line break`);
    return ["--label", label([name, value])];
  });
}

/**
 * Whether something has a label, `KEY` or `KEY=VALUE`; anything has none. Podman's own filters mean one or the other
 * where they are several (volumes in 4.3): what is removed by a filter is chosen here.
 */
export function hasLabel(
  labels: Readonly<Record<string, string>> | null | undefined,
  wanted: string | undefined,
): boolean {
  if (wanted === undefined) return true;
  const equals = wanted.indexOf("=");
  const value = labels?.[equals < 0 ? wanted : wanted.slice(0, equals)];
  return value !== undefined && (equals < 0 || value === wanted.slice(equals + 1));
}

/** Whether something fits the filters of a listing. */
export function fits(
  { name, labels }: { name: string; labels: Readonly<Record<string, string>> | null | undefined },
  filters: { name?: string | undefined; label?: string | undefined } | undefined,
): boolean {
  return name.includes(filters?.name ?? "") && hasLabel(labels, filters?.label);
}
