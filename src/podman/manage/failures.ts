/** What Podman said when it failed, as a code with a message and the next step. */
import { PodexecError, type ErrorCode } from "../../errors.ts";
import { errorText, type RunResult } from "../client.ts";

interface Row {
  when: RegExp;
  code: ErrorCode;
  hint?: string;
}

/** THE table of Podman's failures, 4.3 to 5.x, the first that fits. */
const FAILURES: readonly Row[] = [
  {
    when: /cannot connect to (the )?podman|unable to connect to podman|dial unix .*(no such file|refused|denied)/i,
    code: "PODMAN_NOT_CONNECTED",
    hint: "See that Podman's service runs: `podexec doctor`.",
  },
  { when: /invalid reference format|repository name must be/i, code: "INVALID_IMAGE_NAME" },
  {
    when: /names must match|container names must|invalid container name/i,
    code: "INVALID_CONTAINER_NAME",
  },
  {
    when: /address already in use|port is already (allocated|in use)|cannot listen on the (tcp|udp) port/i,
    code: "PORT_IN_USE",
    hint: "Choose another port of the host, or stop what has it: podman_ps shows ports.",
  },
  {
    when: /name .* is (already )?in use|already exists|name already used|already used by|name in use/i,
    code: "NAME_IN_USE",
    hint: "Choose another name, or remove what has it.",
  },
  {
    when: /executable file .*not found|stat .*: no such file or directory: oci|command (that was )?not found|exec: .*not found/i,
    code: "EXEC_NOT_FOUND",
    hint: "The image has no such program.",
  },
  {
    when: /no such volume|volume .* (not found|does not exist)/i,
    code: "VOLUME_NOT_FOUND",
    hint: "podman_volume_list shows them.",
  },
  {
    when: /no such network|network not found|unable to find network|network .* not found/i,
    code: "NETWORK_NOT_FOUND",
    hint: "podman_network_list shows them.",
  },
  { when: /no such pod|\bpod\b .* not found|no pod with/i, code: "POD_NOT_FOUND", hint: "podman_pod_list shows them." },
  { when: /no such secret|no secret with/i, code: "SECRET_NOT_FOUND", hint: "podman_secret_list shows them." },
  {
    when: /no such container|no container with|container .* not found/i,
    code: "CONTAINER_NOT_FOUND",
    hint: "podman_ps with `all: true` shows them.",
  },
  {
    when: /dial tcp|i\/o timeout|no route to host|lookup .*: |pinging container registry|tls: |x509|too many requests|server misbehaving/i,
    code: "REGISTRY_ERROR",
    hint: "The registry did not answer, or not as one: see that this host reaches it.",
  },
  {
    when: /unauthorized|authentication required|access to the resource is denied|invalid username/i,
    code: "REGISTRY_ERROR",
    hint: "The registry wants a login, or has no such image: `podman login` on the host.",
  },
  {
    when: /no such image|image not known|unable to find .*image|manifest unknown|did not resolve to an alias|short-name resolution|name unknown|image .*not found/i,
    code: "IMAGE_NOT_FOUND",
    hint: "podman_images shows what is there; podman_pull gets one.",
  },
  { when: /no such object|not found in this/i, code: "OBJECT_NOT_FOUND" },
  {
    when: /is being used|is in use|in use by|used by .*container|has associated containers|network is being|dependent containers|image used by/i,
    code: "IN_USE",
    hint: "Remove what uses it first, or say `force`.",
  },
  {
    when: /container state improper|is not running|is running|paused containers|can only|cannot be removed without force|not in a running state|already (paused|running)|no defined healthcheck/i,
    code: "CONTAINER_STATE",
  },
];

/**
 * The failure of a podman command.
 *
 * @param verb what was tried, such as `stop`
 * @param result its status and words; only stderr is read
 */
export function failureOf(verb: string, result: Pick<RunResult, "status" | "stderr">): PodexecError {
  const details = result.stderr.trim().slice(-2000);
  const said = errorText(result.stderr);
  const row = FAILURES.find(({ when }) => when.test(said));
  const message = `podman ${verb} failed (status ${result.status}): ${said.slice(0, 600)}`;
  return new PodexecError(row?.code ?? "PODMAN_ERROR", message, { details, ...(row?.hint ? { hint: row.hint } : {}) });
}

/** A podman that is missing or unusable, as the tools name it. */
export function notConnected(error: PodexecError): PodexecError {
  if (error.code !== "PODMAN_MISSING" && error.code !== "PODMAN_UNUSABLE") return error;
  return new PodexecError("PODMAN_NOT_CONNECTED", error.message, {
    ...(error.hint ? { hint: error.hint } : {}),
    ...(error.details ? { details: error.details } : {}),
    cause: error,
  });
}
