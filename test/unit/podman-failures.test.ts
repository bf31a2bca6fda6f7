/** What Podman 4.3 to 5.x says when it fails, as codes. The contract tests prove those of this host's Podman. */
import { describe, expect, test } from "bun:test";
import { failureOf } from "../../src/podman/manage/failures.ts";

const SAID: Record<string, string[]> = {
  PODMAN_NOT_CONNECTED: [
    "Cannot connect to Podman. Please verify your connection to the Linux system using `podman system connection list`",
    'unable to connect to Podman socket: Get "http://d/v5.0.0/libpod/_ping": dial unix /run/podman.sock: connect: no such file or directory',
  ],
  CONTAINER_NOT_FOUND: ['no container with name or ID "x" found: no such container', "no such container x"],
  IMAGE_NOT_FOUND: [
    "x: image not known",
    "initializing source docker://quay.io/x/y:latest: reading manifest latest in quay.io/x/y: manifest unknown",
    'short-name "x" did not resolve to an alias and no unqualified-search registries are defined in "/etc/registries.conf"',
    "short-name resolution enforced but cannot prompt without a TTY",
  ],
  REGISTRY_ERROR: [
    'initializing source docker://localhost:1/x: pinging container registry localhost:1: Get "https://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    "initializing source docker://quay.io/x/y: reading manifest latest in quay.io/x/y: unauthorized: access to the requested resource is not authorized",
  ],
  PORT_IN_USE: [
    "rootlessport listen tcp 0.0.0.0:8080: bind: address already in use",
    "cannot listen on the TCP port: listen tcp4 127.0.0.1:8080: bind: address already in use",
  ],
  NAME_IN_USE: [
    'creating container storage: the container name "x" is already in use by 0123. You have to remove that container to be able to reuse that name: that name is already in use',
    "volume with name x already exists: volume already exists",
    "network name x already used: network already exists",
  ],
  IN_USE: [
    "image used by 0123: image is in use by a container: consider listing external containers and force-removing image",
    "volume x is being used by the following container(s): 0123: volume is being used",
  ],
  EXEC_NOT_FOUND: [
    'runc: exec failed: unable to start container process: exec: "x": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found',
    "crun: executable file `x` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
  ],
  CONTAINER_STATE: [
    "can only create exec sessions on running containers: container state improper",
    "cannot remove container 0123 as it is running - running or paused containers cannot be removed without force: container state improper",
  ],
  VOLUME_NOT_FOUND: ["no such volume x", "inspecting object: no such volume x"],
  NETWORK_NOT_FOUND: ["unable to find network with name or ID x: network not found"],
  POD_NOT_FOUND: ["no pod with name or ID x found: no such pod"],
  SECRET_NOT_FOUND: ['no secret with name or id "x": no such secret'],
  PODMAN_ERROR: ["something that nobody has seen"],
};

describe.each(Object.entries(SAID))("%s", (code, texts) => {
  test.each(texts)("is what %p means [podman-tools.failure]", (said) => {
    const stderr = `time="2026-01-01T00:00:00Z" level=warning msg="connection refused"\nError: ${said}\n`;
    const error = failureOf("verb", { status: 125, stderr });
    expect([error.code, error.details]).toEqual([code as typeof error.code, stderr.trim()]);
    expect(error.message).toStartWith("podman verb failed (status 125): ");
  });
});
