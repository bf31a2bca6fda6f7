import { expect, test } from "bun:test";
import { buildError, isRegistrySilent } from "../../src/image/causes.ts";

/** What programs said, and a part of the message that a person gets for it. */
const SAID: [said: string, message: string][] = [
  ["E: Unable to locate package nosuch\nE: apt-get failed", "no Debian package nosuch"],
  ["E: Package 'nosuch' has no installation candidate", "no Debian package nosuch"],
  ["E: Couldn't find these debs: which dnsutils", "no Debian package which dnsutils"],
  ["tar: ./usr: Cannot write: No space left on device", "the disk is full"],
  ["E: You don't have enough free space in /var/cache/apt/archives/.", "the disk is full"],
  ["Err:1 http://m.example trixie InRelease\n  Could not resolve 'm.example'", "cannot be reached: Could not resolve"],
  ["Error: Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)", "cannot be reached"],
  ["W: GPG error: http://m.example trixie InRelease: NO_PUBKEY 6ED0E7B82643E131", "keys cannot verify"],
  ["E: The repository 'http://m.example trixi Release' does not have a Release file.", "does not have what was asked"],
  ["E: No such script: /usr/share/debootstrap/scripts/trixi", "does not have what was asked"],
  ["/bin/sh: 1: apt-get: not found", "the base image has no apt-get"],
  ["E: unable to pick chroot mode automatically (use --mode for manual selection)", "no subordinate user ids"],
];

test.each(SAID)("%p is told as a cause with a next step [image.clean]", (said, message) => {
  const error = buildError("mmdebstrap", ["I: running apt-get update...", ...said.split("\n")]);
  expect(error.message).toContain(message);
  expect(error.details).toBeUndefined();
});

test("what no row knows is shown as the program said it [image.clean]", () => {
  const error = buildError("podman build", ["STEP 2/2: RUN false", "Error: exit status 1"]);
  expect(error).toMatchObject({ code: "BUILD_FAILED", message: "podman build failed" });
  expect(error.details).toBe("STEP 2/2: RUN false\nError: exit status 1");
});

test("a registry that does not answer is told from one that does not have the image [image.fallback]", () => {
  const silent = [
    'pinging container registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup: no such host',
    "initializing source docker://debian: toomanyrequests: You have reached your pull rate limit",
    'Get "https://registry.example/v2/": net/http: TLS handshake timeout',
  ];
  expect(silent.filter(isRegistrySilent)).toEqual(silent);
  expect(isRegistrySilent("reading manifest nosuch in docker.io/library/debian: manifest unknown")).toBe(false);
  expect(isRegistrySilent("requested access to the resource is denied")).toBe(false);
});
