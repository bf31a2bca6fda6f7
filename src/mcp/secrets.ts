/** Which values are not told. */
import { PodexecError } from "../errors.ts";
import { MAX_SECRETS } from "../sandbox/output/mask.ts";
import { secretValues } from "../sandbox/output/secret-values.ts";
import { environmentField } from "./command-fields.ts";

/** Shorter values stand in ordinary text. */
const MIN_GIVEN = 4;

/** Environment variables that are secrets by the caller's word. */
export const secretsField = environmentField
  .refine(
    (secrets) => Object.values(secrets).every((value) => value.length >= MIN_GIVEN),
    `a value has at least ${MIN_GIVEN} characters: a shorter one cannot be told from ordinary text`,
  )
  .optional();

/** What a command's call asks to be masked. @throws PodexecError INVALID_PARAMS where it is too much */
export function secretsOf({
  env = {},
  secrets = {},
}: {
  env?: Record<string, string> | undefined;
  secrets?: Record<string, string> | undefined;
}): string[] {
  const values = [...new Set([...Object.values(secrets), ...secretValues(env)])];
  if (values.length <= MAX_SECRETS) return values;
  throw new PodexecError("INVALID_PARAMS", `secrets: ${values.length} values, at most ${MAX_SECRETS} can be masked`, {
    hint: "Pass what is not secret in `env`, under names that do not look secret.",
  });
}
