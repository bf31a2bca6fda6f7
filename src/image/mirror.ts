/** Where the host's apt gets Debian from: hosts behind a mirror reach nothing else. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Mirror {
  /** Such as `http://deb.debian.org/debian`. */
  main: string;
  /** Where security updates come from, if the host has them. */
  security: string | undefined;
  /** Keyrings on the host that verify its packages. */
  keyrings: string[];
}

/** One source of apt's, in the terms of sources.list(5). */
interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  /** Paths of keyrings. */
  signedBy: string[];
}

const DEFAULT_MIRROR = "http://deb.debian.org/debian";
const DEFAULT_SECURITY = "http://deb.debian.org/debian-security";
const DEBIAN_KEYRINGS = [
  "/usr/share/keyrings/debian-archive-keyring.gpg",
  "/usr/share/keyrings/debian-archive-keyring.pgp",
];
const WITHOUT_UPDATES = ["sid", "unstable", "experimental"];

/**
 * The mirror that a Debian host uses; other hosts get Debian's own.
 *
 * @param root the host's root folder, default `/`
 */
export function hostMirror(root = "/"): Mirror {
  const present = (paths: string[]) => [...new Set(paths)].filter((path) => existsSync(join(root, path)));
  const suite = debianSuite(root);
  const sources = suite === undefined ? [] : readSources(join(root, "etc/apt"));
  const usable = sources.flatMap((source) => {
    const address = source.uris.map((uri) => plainUri(uri, root)).find((uri) => uri !== undefined);
    return address === undefined ? [] : [{ ...source, address }];
  });
  const main = usable.find(({ suites, components }) => suites.includes(suite ?? "") && components.includes("main"));
  if (!main) return { main: DEFAULT_MIRROR, security: DEFAULT_SECURITY, keyrings: present(DEBIAN_KEYRINGS) };
  const security = usable.find(({ suites }) => suites.includes(`${suite}-security`));
  const keyrings = present([...DEBIAN_KEYRINGS, ...main.signedBy, ...(security?.signedBy ?? [])]);
  return { main: main.address, security: security?.address, keyrings };
}

/** The one-line sources with which a host's apt fetches a suite: the suite, its updates, its security updates. */
export function hostSources(mirror: Mirror, suite: string): string {
  const options = mirror.keyrings.length > 0 ? `[signed-by=${mirror.keyrings.join(",")}] ` : "";
  const lines = mirrorSuites(mirror, suite).map(({ uri, suites }) =>
    suites.map((name) => `deb ${options}${uri} ${name} main\n`).join(""),
  );
  return lines.join("");
}

/** `debian.sources` for the image. Passwords stay out of it; what only the host can reach becomes Debian's own mirror. */
export function imageSources(mirror: Mirror, suite: string): string {
  const stanzas = mirrorSuites(mirror, suite).map(({ uri, suites, fallback }) => {
    const address = /^https?:/.test(uri) ? uri.replace(/\/\/[^/@]*@/, "//") : fallback;
    return [
      "Types: deb",
      `URIs: ${address}`,
      `Suites: ${suites.join(" ")}`,
      "Components: main",
      "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
      "",
    ].join("\n");
  });
  return stanzas.join("\n");
}

/** The sources in a folder like /etc/apt, in either of apt's formats; disabled ones are left out. */
function readSources(folder: string): AptSource[] {
  const parts = join(folder, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).toSorted() : [];
  const files = [join(folder, "sources.list"), ...names.map((name) => join(parts, name))];
  return files.flatMap((file) => {
    if (file.endsWith(".sources")) return readStanzas(readText(file));
    return file.endsWith(".list") ? readLines(readText(file)) : [];
  });
}

/** The release that a Debian host runs. */
function debianSuite(root: string): string | undefined {
  const release = readText(join(root, "etc/os-release"));
  return /^ID="?debian"?$/m.test(release) ? /^VERSION_CODENAME="?([a-z]+)/m.exec(release)?.[1] : undefined;
}

function mirrorSuites(mirror: Mirror, suite: string) {
  const rolling = WITHOUT_UPDATES.includes(suite);
  const main = { uri: mirror.main, suites: rolling ? [suite] : [suite, `${suite}-updates`], fallback: DEFAULT_MIRROR };
  if (rolling || mirror.security === undefined) return [main];
  return [main, { uri: mirror.security, suites: [`${suite}-security`], fallback: DEFAULT_SECURITY }];
}

function readLines(text: string): AptSource[] {
  return text.split("\n").flatMap((line) => {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line.trim());
    if (!match) return [];
    const [, options = "", uri = "", suite = "", components = ""] = match;
    const signedBy = /signed-by=(\S+)/.exec(options)?.[1]?.split(",") ?? [];
    return [{ uris: [uri], suites: [suite], components: words(components), signedBy }];
  });
}

function readStanzas(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, "");
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string) => words(new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, "im").exec(stanza)?.[1] ?? "");
    if (!field("Types").includes("deb") || field("Enabled")[0]?.toLowerCase() === "no") return [];
    const signedBy = field("Signed-By").filter((word) => word.startsWith("/"));
    return [{ uris: field("URIs"), suites: field("Suites"), components: field("Components"), signedBy }];
  });
}

/** `mirror+file:` (Debian's cloud images) names a file whose lines are mirrors. */
function plainUri(uri: string, root: string): string | undefined {
  const list = /^mirror\+file:(?:\/\/)?(\/.*)/.exec(uri ?? "")?.[1];
  const address =
    list === undefined
      ? uri
      : readText(join(root, list))
          .split(/\s+/)
          .find((word) => word !== "");
  return address !== undefined && /^(https?|file|copy):/.test(address) ? address.replace(/\/+$/, "") : undefined;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
