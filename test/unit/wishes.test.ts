/** What a client may ask of a sandbox. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PodexecError } from "../../src/errors.ts";
import type { SandboxSpec } from "../../src/sandbox/engine.ts";
import { specFor, type Allowance, type Wish } from "../../src/sandbox/owners/wishes.ts";

const own: SandboxSpec = {
  image: "localhost/own:latest",
  network: "none",
  memory: 1000,
  cpus: 2,
  pids: 64,
  env: { A: "server's", B: "b" },
  leaseMs: 1,
};
const nothing: Allowance = { maxMemory: undefined, maxCpus: undefined, images: [], workspaces: [] };
const folder = realpathSync(mkdtempSync(join(tmpdir(), "podexec-test-wishes-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The code and the flag that would allow it, or the specification. */
function asked(wish: Wish, allowance: Partial<Allowance> = {}, changes: Partial<SandboxSpec> = {}) {
  try {
    return specFor(wish, { ...own, ...changes }, { ...nothing, ...allowance });
  } catch (error) {
    if (!(error instanceof PodexecError)) throw error;
    return `${error.code} ${/--[a-z-]+( internet)?/.exec(error.hint ?? "")?.[0] ?? ""}`.trim();
  }
}

test("what is not wished for is as the server has it, and its variables are added to [limit.wishes]", () => {
  expect(asked({})).toEqual(own);
  expect(asked({ env: { A: "mine", C: "c" } })).toEqual({ ...own, env: { A: "mine", B: "b", C: "c" } });
});

test("memory and processors have the server's own as their bound, unless it says more [limit.wishes]", () => {
  expect(asked({ memory: 999, cpus: 0.5 })).toMatchObject({ memory: 999, cpus: 0.5 });
  expect(asked({ memory: 1001 })).toBe("REFUSED --max-memory");
  expect(asked({ cpus: 2.1 })).toBe("REFUSED --max-cpus");
  expect(asked({ memory: 1001, cpus: 3 }, { maxMemory: 2000, maxCpus: 3 })).toMatchObject({ memory: 1001, cpus: 3 });
});

test("the internet is for those whose server has it; none is for all [limit.wishes]", () => {
  expect(asked({ network: "internet" })).toBe("REFUSED --network internet");
  expect(asked({ network: "none" }, {}, { network: "internet" })).toMatchObject({ network: "none" });
});

test.each(["--privileged", "-v=/:/host", "", " a", "a b", "a\nb", "a\0", "../a", "a;b", "a".repeat(256)])(
  "%p is no image [limit.wishes, podman.no-flags]",
  (image) => {
    expect(asked({ image })).toBe("INVALID_PARAMS");
  },
);

test.each([
  ["docker.io/library/alpine:3", [], true],
  ["localhost/own:latest", ["x"], true],
  ["docker.io/library/alpine:3", ["docker.io/library/*"], true],
  ["docker.io/library/alpine:3", ["*alpine:*"], true],
  ["docker.io/library/alpine:3", ["docker.io/library/alpine"], false],
  ["evil.example/docker.io/library/alpine", ["docker.io/library/*"], false],
  ["aXb", ["a.b"], false],
  ["ab", ["ab*b"], false],
  ["a1b2c", ["a*b*c"], true],
])("image %p with the patterns %p: %p [limit.wishes]", (image, images, isAllowed) => {
  if (isAllowed) expect(asked({ image }, { images })).toMatchObject({ image });
  else expect(asked({ image }, { images })).toBe("REFUSED --allow-image");
});

test("a workspace is a folder below an allowed one, as it really is [limit.wishes]", () => {
  const [inside, outside] = [join(folder, "in"), join(folder, "out")];
  mkdirSync(join(inside, "deep"), { recursive: true });
  mkdirSync(join(folder, "inner"));
  mkdirSync(outside);
  symlinkSync(outside, join(inside, "escape"));
  symlinkSync(join(inside, "deep"), join(folder, "alias"));
  writeFileSync(join(inside, "file"), "");
  const ask = (path: string, readOnly = false) => asked({ workspace: { path, readOnly } }, { workspaces: [inside] });
  for (const path of [inside, join(inside, "deep"), `${inside}/../in/deep/`])
    expect(ask(path)).toHaveProperty("workspace");
  expect(ask(join(folder, "alias"), true)).toMatchObject({ workspace: { path: join(inside, "deep"), readOnly: true } });
  for (const path of [
    outside,
    join(inside, "escape"),
    join(inside, ".."),
    join(folder, "inner"),
    join(inside, "file"),
    "/",
    "/no/such",
  ])
    expect(ask(path)).toBe("REFUSED --allow-workspace");
  expect(ask("in")).toBe("INVALID_PARAMS");
});

test("the server's own workspace stays read-only, and its parts too [limit.wishes, workspace.read-only]", () => {
  const path = join(folder, "own");
  mkdirSync(join(path, "part"), { recursive: true });
  const wish = { workspace: { path: join(path, "part"), readOnly: false } };
  expect(asked(wish, {}, { workspace: { path, readOnly: true } })).toMatchObject({ workspace: { readOnly: true } });
  expect(asked(wish, {}, { workspace: { path, readOnly: false } })).toMatchObject({ workspace: { readOnly: false } });
});
