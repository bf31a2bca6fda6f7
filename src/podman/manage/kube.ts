/** Kubernetes YAML from clients: checked against the policy, and written anew, so that Podman reads what was checked. */
import { parseAllDocuments } from "yaml";
import { PodexecError } from "../../errors.ts";
import { imageName, quoted } from "./names.ts";
import {
  checkHostNamespace,
  checkPrivileged,
  hostPath,
  MANAGED_LABEL,
  capability,
  refused,
  type Policy,
} from "./policy.ts";

/** What `podman kube play` makes something of. */
const KINDS: ReadonlySet<string> = new Set([
  "Pod",
  "Deployment",
  "DaemonSet",
  "Job",
  "PersistentVolumeClaim",
  "ConfigMap",
  "Secret",
  "Service",
]);
const WORKLOADS: ReadonlySet<string> = new Set(["Deployment", "DaemonSet", "Job"]);
const MAX_DOCUMENTS = 50;
const MAX_ALIASES = 100;
const DEEPEST = 60;

type Json = Record<string, unknown>;

/**
 * The documents of a YAML as JSON, with podexec's label on what is made, and the names of its pods.
 *
 * @throws PodexecError INVALID_PARAMS for what is not Kubernetes'; REFUSED for what the operator has not allowed
 */
export function checkedKube(text: string, policy: Policy): { documents: string; pods: string[] } {
  const documents = parseAllDocuments(text, { maxAliasCount: MAX_ALIASES } as object);
  if (!Array.isArray(documents) || documents.length === 0)
    throw new PodexecError("INVALID_PARAMS", "yaml: there is no document");
  if (documents.length > MAX_DOCUMENTS)
    throw new PodexecError("INVALID_PARAMS", `yaml: more than ${MAX_DOCUMENTS} documents`);
  const checked = documents.flatMap((document) => {
    const [error] = document.errors;
    if (error) throw new PodexecError("INVALID_PARAMS", `yaml: ${error.message.slice(0, 500)}`);
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return value === null ? [] : [checkedDocument(value, policy)];
  });
  // JSON is YAML that every parser reads alike.
  return {
    documents: checked.map((document) => JSON.stringify(document)).join("\n---\n"),
    pods: checked.flatMap(podNames),
  };
}

/** The pods that a document names: a workload's has one or more names of its own making. */
function podNames(document: Json): string[] {
  const { name } = document["metadata"] === undefined ? {} : (document["metadata"] as { name?: unknown });
  if (typeof name !== "string" || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return [];
  if (document["kind"] === "Pod") return [name];
  return WORKLOADS.has(String(document["kind"])) ? [name, `${name}-pod`, `${name}-pod-0`] : [];
}

function checkedDocument(value: unknown, policy: Policy): Json {
  const document = objectOf(value, "yaml");
  const kind = String(document["kind"]);
  if (!KINDS.has(kind)) {
    throw new PodexecError("INVALID_PARAMS", `yaml: kind ${quoted(kind)} is none of ${[...KINDS].join(", ")}`);
  }
  // What is in these is data: Podman acts on none of it.
  if (kind === "ConfigMap" || kind === "Secret") return document;
  walk(document, { policy, path: kind });
  if (kind === "Pod") return labelled(document);
  if (!WORKLOADS.has(kind)) return document;
  const spec = objectOf(document["spec"], `${kind}.spec`);
  const template = labelled(objectOf(spec["template"], `${kind}.spec.template`));
  return { ...document, spec: { ...spec, template } };
}

/** With podexec's label; nobody else may set it, nor that of sandboxes. */
function labelled(pod: Json): Json {
  const metadata = pod["metadata"] === undefined ? {} : objectOf(pod["metadata"], "metadata");
  const labels =
    metadata["labels"] === undefined || metadata["labels"] === null
      ? {}
      : objectOf(metadata["labels"], "metadata.labels");
  const own = Object.keys(labels).find((name) => /^podexec($|\.(?!test$))/.test(name));
  if (own !== undefined) throw new PodexecError("REFUSED", `metadata.labels: ${own} is podexec's own`);
  return { ...pod, metadata: { ...metadata, labels: { ...labels, [MANAGED_LABEL]: "1" } } };
}

interface Place {
  policy: Policy;
  path: string;
}

/** Looks at every key, however deep and in whatever case: that is how Podman reads them. */
function walk(value: unknown, { policy, path }: Place, depth = 0): void {
  if (depth > DEEPEST) throw new PodexecError("INVALID_PARAMS", `${path.slice(0, 200)}: nested too deeply`);
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    const place = { policy, path: `${path}.${key}` };
    CHECKS[key.toLowerCase()]?.(item, place);
    walk(item, place, depth + 1);
  }
}

const isOff = (value: unknown) => value === false || value === null || value === undefined;

const hostNamespace = (value: unknown, { policy, path }: Place) => {
  if (!isOff(value)) checkHostNamespace(policy, path);
};
const needsPrivilege = (value: unknown, { policy, path }: Place) => {
  if (!isOff(value) && !policy.privileged) throw refused(path, "--allow-privileged");
};

const CHECKS: Readonly<Record<string, (value: unknown, place: Place) => void>> = Object.assign(Object.create(null), {
  privileged(value: unknown, { policy }: Place) {
    if (!isOff(value)) checkPrivileged(policy);
  },
  image(value: unknown) {
    if (typeof value === "string") imageName(value);
  },
  hostnetwork: hostNamespace,
  hostpid: hostNamespace,
  hostipc: hostNamespace,
  seccompprofile: needsPrivilege,
  selinuxoptions: needsPrivilege,
  procmount: needsPrivilege,
  sysctls: needsPrivilege,
  hostpath(value: unknown, { policy, path }: Place) {
    const entries = Object.entries(objectOf(value, path)).filter(([key]) => key.toLowerCase() === "path");
    if (entries.length === 0) throw new PodexecError("INVALID_PARAMS", `${path} has no path`);
    for (const [key, source] of entries)
      (value as Json)[key] = hostPath(policy, typeof source === "string" ? source : "");
  },
  capabilities(value: unknown, { policy, path }: Place) {
    const added = Object.entries(objectOf(value, path)).filter(([key]) => key.toLowerCase() === "add");
    for (const name of added.flatMap(([, names]) => names ?? []))
      capability(policy, typeof name === "string" ? name : "");
  },
  annotations(value: unknown, { policy, path }: Place) {
    if (isOff(value)) return;
    const telling = Object.keys(objectOf(value, path)).find((name) => /podman|^run\.oci|crun|volume\./i.test(name));
    if (telling !== undefined && !policy.privileged) throw refused(`${path}: ${telling}`, "--allow-privileged");
  },
  limits(value: unknown, { policy, path }: Place) {
    if (isOff(value)) return;
    const device = Object.keys(objectOf(value, path)).find((name) => /podman\.io/i.test(name));
    if (device !== undefined && !policy.privileged) throw refused(`${path}: ${device}`, "--allow-privileged");
  },
});

function objectOf(value: unknown, path: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new PodexecError("INVALID_PARAMS", `${path.slice(0, 200)} has to be a mapping`);
}
