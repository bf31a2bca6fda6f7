/** What a failed build said, as an error for people. Checked top down; what no row knows is shown as it is. */
import { PodexecError, type ErrorCode } from "../errors.ts";

interface Cause {
  when: RegExp;
  code?: ErrorCode;
  says(match: RegExpExecArray): string;
  hint?: string;
}

const CAUSES: readonly Cause[] = [
  {
    when: /no space left on device|you don't have enough free space/i,
    says: () => "the disk is full",
    hint: "Look with `podman system df` and `df -h`, free some room (`podman image prune`), then build again.",
  },
  {
    when: /Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate|Couldn't find these debs: (.+)|Couldn't find any package by (?:glob|regex) '([^']+)'/,
    says: ([, ...names]) =>
      `there is no Debian package ${names.find((name) => name !== undefined) ?? ""} in this suite`,
    hint: "Look for its name on packages.debian.org, or choose another --suite.",
  },
  {
    when: /NO_PUBKEY|Missing key|is not signed|public key is not available|unknown key|BADSIG/i,
    says: () => "this host's Debian keys cannot verify the packages of the suite",
    hint: "Bring the keys up to date: apt-get install debian-archive-keyring. Or choose an older --suite.",
  },
  {
    when: /does not have a Release file|No such script: \S+|Failed getting release file|404 +Not Found[^\n]*/i,
    says: ([said]) => `the mirror does not have what was asked for (${said.trim()})`,
    hint: "Check --suite; `podexec build-image` takes the mirror from /etc/apt.",
  },
  {
    when: /(?:Could not resolve|Temporary failure resolving|Could not connect to|Cannot initiate the connection to|Connection timed out|Failed to fetch|Could not wait for server fd|Some index files failed to download|Couldn't download)[^\n]*/i,
    says: ([said]) => `the Debian mirror cannot be reached: ${said.trim()}`,
    hint: "Check the network and the proxy settings (http_proxy), and that `apt-get update` works on this host.",
  },
  {
    when: /apt-get: (?:command )?not found/i,
    says: () => "the base image has no apt-get: --from needs a Debian image, or one made from Debian",
  },
  {
    when: /unable to pick chroot mode automatically|newuidmap|subuid|unshare: unshare failed|E: debootstrap can only run as root|Can't exec "newuidmap"/i,
    code: "PODMAN_UNUSABLE",
    says: () => "this user cannot make a Debian system: it has no subordinate user ids, or user namespaces are off",
    hint: "As root: apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER; then `podman system migrate`. Or build as root.",
  },
];

/** The registry does not answer, or refuses for reasons that another way of building does not share. */
const NO_REGISTRY =
  /no such host|dial tcp|i\/o timeout|connection (?:refused|reset)|network is unreachable|TLS handshake|pinging container registry|toomanyrequests|x509:|EOF$|proxyconnect|Client\.Timeout|50[234] /im;

/** Whether what `podman pull` said means that no registry answers, rather than that the image does not exist. */
export function isRegistrySilent(said: string): boolean {
  return NO_REGISTRY.test(said);
}

/**
 * The error behind what a failed program said.
 *
 * @param what the step, as in `podman build failed`
 * @param lines its last lines of output
 */
export function buildError(what: string, lines: readonly string[]): PodexecError {
  const said = lines.join("\n");
  for (const cause of CAUSES) {
    const match = cause.when.exec(said);
    if (!match) continue;
    return new PodexecError(cause.code ?? "BUILD_FAILED", cause.says(match), cause.hint ? { hint: cause.hint } : {});
  }
  return new PodexecError("BUILD_FAILED", `${what} failed`, { details: lines.slice(-15).join("\n") });
}
