import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planBuild, qualifyBase, type BuildRequest } from "../../src/image/options.ts";

function refusal(request: BuildRequest): string {
  try {
    planBuild(request);
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
  return "accepted";
}

test("nothing chosen means the shipped list on Debian trixie under the default name [image.choices]", () => {
  expect(planBuild({})).toEqual({
    tag: "localhost/pod_exec_mcp_base:latest",
    source: { kind: "debian", packages: [], suite: "trixie", from: undefined, bootstrap: false },
  });
});

test("names of images are completed as podman does, so that it never asks [image.choices]", () => {
  expect(planBuild({ tag: "tools" }).tag).toBe("localhost/tools:latest");
  expect(planBuild({ tag: "me/tools:2" }).tag).toBe("localhost/me/tools:2");
  expect(planBuild({ tag: "registry.example:5000/tools" }).tag).toBe("registry.example:5000/tools:latest");
  expect(qualifyBase("debian:12")).toBe("docker.io/library/debian:12");
  expect(qualifyBase("me/tools")).toBe("docker.io/me/tools");
  expect(qualifyBase("registry.example:5000/tools")).toBe("registry.example:5000/tools");
});

test.each(["--privileged", "-x", "a b", "vim-", "?installed", "~nvim", "g++;id", "vim=1", "Vim", "../x", "", "a,b"])(
  "%p is no package: neither a flag nor an order to apt gets through [image.choices]",
  (name) => {
    expect(refusal({ packages: ["jq", name] })).toMatch(/^USAGE: --package must be/);
  },
);

test.each(["g++", "libstdc++6", "python3.13", "build-essential", "0ad"])("%p is a package [image.choices]", (name) => {
  expect(planBuild({ packages: [name] }).source).toMatchObject({ packages: [name] });
});

test.each([
  [{ tag: "--help" }, "--tag"],
  [{ tag: "a:b:c" }, "--tag"],
  [{ from: "-v" }, "--from"],
  [{ from: "docker://x" }, "--from"],
  [{ suite: "../sid" }, "--suite"],
  [{ suite: "-x" }, "--suite"],
] as const)("%p is refused with the name of its flag [image.choices]", (request, flag) => {
  expect(refusal(request)).toContain(`USAGE: ${flag} must be`);
  expect(refusal(request)).toContain(JSON.stringify(Object.values(request)[0]));
});

test("choices that would have no effect are refused, not ignored [image.choices]", () => {
  const folder = mkdtempSync(join(tmpdir(), "podexec-plan-"));
  try {
    const file = join(folder, "Containerfile");
    writeFileSync(file, "FROM scratch\n");
    expect(planBuild({ file, noCache: true }).source).toEqual({ kind: "file", file, noCache: true });
    expect(refusal({ file, packages: ["jq"] })).toContain("--package cannot stand beside --file");
    expect(refusal({ file, bootstrap: true })).toContain("--bootstrap cannot stand beside --file");
    expect(refusal({ file: folder })).toContain(`there is no file ${folder}`);
    expect(refusal({ file: `${file}/x` })).toContain("there is no file");
    expect(refusal({ from: "debian", suite: "sid" })).toContain("--suite cannot stand beside --from");
    expect(refusal({ from: "debian", bootstrap: true })).toContain("--from cannot stand beside --bootstrap");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
