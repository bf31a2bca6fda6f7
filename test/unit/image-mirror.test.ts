import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { hostMirror, hostSources, imageSources } from "../../src/image/mirror.ts";

const DEBIAN = 'ID=debian\nVERSION_CODENAME=bookworm\nNAME="Debian GNU/Linux"\n';
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A host's root folder with these files. */
function host(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "podexec-mirror-"));
  folders.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("the mirror of a host with deb822 sources is found, behind comments and disabled stanzas [image.bootstrap]", () => {
  const root = host({
    "etc/os-release": DEBIAN,
    [KEYRING]: "",
    "keys/own.gpg": "",
    "etc/apt/sources.list.d/debian.sources": [
      "Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n",
      "Types: deb deb-src\n# a comment\nURIs: https://mirror.example/debian/\nSuites: bookworm bookworm-updates",
      "Components: main\nSigned-By: /keys/own.gpg\n",
      "Types: deb\nURIs: https://mirror.example/security\nSuites: bookworm-security\nComponents: main\n",
    ].join("\n"),
  });
  expect(hostMirror(root)).toEqual({
    main: "https://mirror.example/debian",
    security: "https://mirror.example/security",
    keyrings: [KEYRING, "/keys/own.gpg"],
  });
});

test("the mirror of a host with one-line sources is found; other vendors' lines are not Debian's [image.bootstrap]", () => {
  const root = host({
    "etc/os-release": DEBIAN,
    "etc/apt/sources.list": "deb cdrom:[x]/ bookworm main\n# deb http://old.example/debian bookworm main\n",
    "etc/apt/sources.list.d/vendor.list": "deb https://vendor.example bookworm stable\n",
    "etc/apt/sources.list.d/z.list": `deb [arch=amd64 signed-by=${KEYRING}] http://near.example/debian bookworm main\n`,
    [KEYRING]: "",
  });
  expect(hostMirror(root)).toEqual({ main: "http://near.example/debian", security: undefined, keyrings: [KEYRING] });
});

test("cloud images name a file of mirrors; its first line counts [image.bootstrap]", () => {
  const root = host({
    "etc/os-release": DEBIAN,
    "etc/apt/mirrors/debian.list": "https://cdn.example/debian\nhttps://other.example/debian\n",
    "etc/apt/sources.list": "deb mirror+file:///etc/apt/mirrors/debian.list bookworm main\n",
  });
  expect(hostMirror(root).main).toBe("https://cdn.example/debian");
});

test("a host that is not Debian gets Debian's own mirrors [image.bootstrap]", () => {
  expect(hostMirror(host({})).main).toBe("http://deb.debian.org/debian");
  const root = host({
    "etc/os-release": "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n",
    "etc/apt/sources.list": "deb http://archive.example/ubuntu noble main\n",
  });
  expect(hostMirror(root)).toMatchObject({
    main: "http://deb.debian.org/debian",
    security: "http://deb.debian.org/debian-security",
  });
});

test("the host's apt verifies with the host's keys and fetches updates and security too [image.bootstrap]", () => {
  const mirror = {
    main: "http://m.example/debian",
    security: "http://m.example/security",
    keyrings: ["/a.gpg", "/b.gpg"],
  };
  expect(hostSources(mirror, "trixie").split("\n")).toEqual([
    "deb [signed-by=/a.gpg,/b.gpg] http://m.example/debian trixie main",
    "deb [signed-by=/a.gpg,/b.gpg] http://m.example/debian trixie-updates main",
    "deb [signed-by=/a.gpg,/b.gpg] http://m.example/security trixie-security main",
    "",
  ]);
  expect(hostSources(mirror, "sid")).toBe("deb [signed-by=/a.gpg,/b.gpg] http://m.example/debian sid main\n");
});

test("neither a mirror's password nor a folder of the host gets into the image [image.bootstrap]", () => {
  const mirror = { main: "https://me:secret@m.example/debian", security: "file:/srv/security", keyrings: [] };
  const sources = imageSources(mirror, "trixie");
  expect(sources).toContain("URIs: https://m.example/debian\nSuites: trixie trixie-updates\n");
  expect(sources).toContain("URIs: http://deb.debian.org/debian-security\nSuites: trixie-security\n");
  expect(sources).not.toContain("secret");
});
