/** The options of `serve` that say which tools there are, and what the podman tools may do. */
import { z } from "zod";
import * as values from "./values.ts";

/** A list whose items may also stand in one word with commas between them. */
function words<Value>(item: z.ZodType<Value>): z.ZodType<Value[]> {
  const pieces = z
    .union([z.string(), z.array(z.string())])
    .transform((given): unknown => [given].flat().flatMap((word) => word.split(/[\s,]+/).filter(Boolean)));
  return pieces.pipe(z.array(item)).describe(item.description ?? "");
}

export const podmanOptions = {
  toolsets: {
    schema: words(z.enum(["sandbox", "podman"]).describe("sandbox or podman, or both with a comma")),
    kind: "list",
    value: "NAME",
    default: ["sandbox"],
    separator: /[\s,]+/,
    help: "Tools to offer: sandbox, and podman for the containers of the host",
  },
  tools: {
    schema: words(values.text("the name of a tool")),
    kind: "list",
    value: "NAME",
    default: [],
    separator: /[\s,]+/,
    help: "Single tools to offer, in place of toolsets",
  },
  "read-only": {
    schema: values.toggle,
    kind: "switch",
    default: false,
    help: "Offer only tools that change nothing",
  },
  destructive: {
    schema: values.toggle,
    kind: "switch",
    default: true,
    help: "Offer tools that take away or overwrite; --no-destructive leaves them out",
  },
  "own-only": {
    schema: values.toggle,
    kind: "switch",
    default: false,
    help: "Let the podman tools see and touch nothing but what podexec made",
  },
  "allow-mount": {
    schema: values.list(values.folder),
    kind: "list",
    value: "FOLDER",
    default: [],
    separator: /\n/,
    help: "Folder of the host that the podman tools may mount, copy from and to, and build from, with all below it",
  },
  "allow-privileged": {
    schema: values.toggle,
    kind: "switch",
    default: false,
    help: "Let the podman tools start privileged containers: as good as root on the host",
  },
  "allow-host-namespaces": {
    schema: values.toggle,
    kind: "switch",
    default: false,
    help: "Let the podman tools start containers in the host's network and other namespaces",
  },
  "allow-cap": {
    schema: words(values.text("a capability")),
    kind: "list",
    value: "NAME",
    default: [],
    separator: /[\s,]+/,
    help: "Capability that the podman tools may add to a container; all for every one",
  },
  "allow-device": {
    schema: values.list(values.path("a device")),
    kind: "list",
    value: "PATH",
    default: [],
    separator: /[\s,]+/,
    help: "Device of the host that the podman tools may give to a container",
  },
  "compose-provider": {
    schema: values.toggle,
    kind: "switch",
    default: false,
    help: "Bring compose files up with the installed provider of `podman compose`, not with podexec's own reader",
  },
} as const;
