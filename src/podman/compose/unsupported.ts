/** What a compose file says that podexec does not do: told by its path, never dropped silently. */
import { z } from "zod";
import { PodexecError } from "../../errors.ts";
import { composeSchema } from "./schema.ts";

/** Without these a service would be another one than its file says: refused instead of left out. */
const ESSENTIAL: readonly RegExp[] = [
  /^include$/,
  /^services\.[^.]+\.(extends|volumes_from|provider|credential_spec|runtime|isolation|device_cgroup_rules|gpus|sysctls|cgroup_parent)$/,
  /^services\.[^.]+\.build\.(dockerfile_inline|additional_contexts|secrets|ssh|privileged|entitlements|network)$/,
];

/** Keys that say nothing to a Podman on one host, or only name the file's version. */
const IGNORED: readonly RegExp[] = [
  /(^|\.)x-[^.]*$/,
  /\.attachable$/,
  /\.depends_on\.[^.]+\.restart$/,
  /\.ports\.\d+\.(name|mode|app_protocol)$/,
  /\.volumes\.\d+\.consistency$/,
];

const MAX_TOLD = 200;

/**
 * The paths of keys that no schema knows, such as `services.web.logging`.
 *
 * @throws PodexecError INVALID_PARAMS for those without which a service would not be what its file says
 */
export function unsupportedKeys(document: unknown): string[] {
  const paths = unknownIn(document, composeSchema, "").filter((path) => !IGNORED.some((row) => row.test(path)));
  const essential = paths.find((path) => ESSENTIAL.some((row) => row.test(path)));
  if (essential !== undefined) {
    throw new PodexecError(
      "INVALID_PARAMS",
      `${essential} is not supported, and the service is another one without it`,
      {
        hint: "Write out what it stands for, or start the server with --compose-provider to use an installed provider.",
      },
    );
  }
  return paths.slice(0, MAX_TOLD);
}

/** Walks a value beside the schema it was accepted by. */
function unknownIn(value: unknown, schema: z.core.$ZodType, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = schema._zod.def as Definition;
  if (inner.type === "union") return unknownIn(value, fitting(value, inner.options ?? []), path);
  const next = inner.innerType ?? inner.in;
  if (next) return unknownIn(value, next, path);
  const below = (key: string) => (path === "" ? key : `${path}.${key}`);
  if (Array.isArray(value)) {
    const { element } = inner;
    return element ? value.flatMap((item, at) => unknownIn(item, element, below(String(at)))) : [];
  }
  return Object.entries(value).flatMap(([key, item]) => {
    if (inner.valueType) return unknownIn(item, inner.valueType, below(key));
    if (!inner.shape) return [];
    const known = Object.hasOwn(inner.shape, key) ? inner.shape[key] : undefined;
    return known ? unknownIn(item, known, below(key)) : [below(key)];
  });
}

/** The parts of zod's own description of a schema that are walked. */
interface Definition {
  type: string;
  shape?: Record<string, z.core.$ZodType>;
  element?: z.core.$ZodType;
  valueType?: z.core.$ZodType;
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  options?: readonly z.core.$ZodType[];
}

function fitting(value: object, options: readonly z.core.$ZodType[]): z.core.$ZodType {
  return options.find((option) => z.safeParse(option, value).success) ?? z.unknown();
}
