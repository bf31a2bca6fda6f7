import { z } from "zod";
import { needObject, objectLabels, removeObjects, SECRET_SOURCE } from "../../podman/manage/objects.ts";
import { objectName } from "../../podman/manage/names.ts";
import { isVisible } from "../../podman/manage/policy.ts";
import { rowsOf, secretReport } from "../../podman/manage/schemas-objects.ts";
import { table } from "../../podman/manage/text.ts";
import { ADDS, batchAnswer, batchOutput, DESTROYS, managerOf, READS } from "../podman-fields.ts";
import { labelsField, limitField, nameField, namesField } from "../podman-object-fields.ts";
import { defineTool } from "../tool.ts";

/** Podman's own limit. */
const MAX_VALUE = 512_000;

export const podmanSecretList = defineTool({
  name: "podman_secret_list",
  toolset: "podman",
  title: "List secrets",
  description: "List the names of the host's Podman secrets. Their values are never shown.",
  input: z.strictObject({ limit: limitField }),
  output: z.object({ secrets: z.array(secretReport), total: z.int() }),
  annotations: READS,
  async run({ limit }, context) {
    const manager = managerOf(context);
    const { signal } = context;
    const ids = (await manager.must(["secret", "ls", "--quiet"], { signal })).split("\n").filter(Boolean);
    const args = ["secret", "inspect", "--", ...ids];
    const found = ids.length === 0 ? [] : await manager.json(args, rowsOf(secretReport), { signal });
    const visible = found.filter(({ Spec }) => isVisible(manager.policy, Spec.Labels));
    const secrets = visible.slice(0, limit);
    const rows = secrets.map(({ ID, Spec, CreatedAt }) => [ID.slice(0, 12), Spec.Name, Spec.Driver?.Name, CreatedAt]);
    const text = table(["ID", "NAME", "DRIVER", "CREATED"], rows, "No secrets.");
    return { structured: { secrets, total: visible.length }, text };
  },
});

export const podmanSecretInspect = defineTool({
  name: "podman_secret_inspect",
  toolset: "podman",
  title: "Inspect a secret",
  description: "Show a secret's name, driver, times and labels. Its value is never shown.",
  input: z.strictObject({ name: nameField("secret") }),
  output: z.object({ secret: secretReport }),
  annotations: READS,
  async run({ name }, context) {
    const found = await needObject(managerOf(context), "secret", { name, signal: context.signal });
    const secret = secretReport.parse(found);
    return { structured: { secret }, text: JSON.stringify(secret, undefined, 1) };
  },
});

export const podmanSecretCreate = defineTool({
  name: "podman_secret_create",
  toolset: "podman",
  title: "Create a secret",
  description:
    "Keep a value on the host for containers, which get it by name with `secrets` of podman_run. It never comes back.",
  input: z.strictObject({
    name: nameField("secret"),
    value: z.string().min(1).max(MAX_VALUE),
    labels: labelsField,
  }),
  output: z.object({ id: z.string(), name: z.string() }),
  annotations: ADDS,
  async run(args, context) {
    const manager = managerOf(context);
    const name = objectName("secret", args.name);
    const labels = [...manager.labelArgs, ...objectLabels(args.labels)];
    const stdin = new TextEncoder().encode(args.value);
    const said = await manager.must(["secret", "create", ...labels, "--", name, SECRET_SOURCE], {
      signal: context.signal,
      stdin,
    });
    return { structured: { id: said.trim(), name }, text: `The secret ${name} is there.` };
  },
});

export const podmanSecretRemove = defineTool({
  name: "podman_secret_remove",
  toolset: "podman",
  title: "Remove secrets",
  description:
    "Remove secrets. Containers that were created with one keep what they got. Each has a result of its own.",
  input: z.strictObject({ names: namesField("secrets") }),
  output: batchOutput,
  annotations: DESTROYS,
  async run({ names }, context) {
    return batchAnswer(await removeObjects(managerOf(context), { kind: "secret", names }, context.signal), "removed");
  },
});
