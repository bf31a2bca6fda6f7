import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPackages } from "../../src/image/recipe.ts";
import { importSmallDebian, runIn, serveRegistry, startBuild, testTag, useRegistry } from "../support/images.ts";
import { cleanUpAfterAll, podman, temporaryFolder } from "../support/sandboxes.ts";

cleanUpAfterAll();

const LIST = join(import.meta.dir, "../../images/base/packages.txt");
const BASE = "docker.io/library/debian:trixie-slim";
const small = testTag("small");
const tag = testTag("registry");
const own = testTag("own");
const folder = temporaryFolder();
let registry: ReturnType<typeof serveRegistry>;

beforeAll(async () => {
  await importSmallDebian(folder, small);
  await podman(["push", "--quiet", small, `oci:${folder}/layout`]);
  registry = serveRegistry(join(folder, "layout"), "library/debian");
  useRegistry(folder, registry.port);
}, 240_000);

afterAll(async () => {
  registry.stop();
  delete process.env["CONTAINERS_REGISTRIES_CONF"];
  for (const image of [tag, own, small, BASE]) await podman(["rmi", "--force", "--ignore", image]).catch(() => "");
}, 60_000);

test("where a registry answers, podman builds from its debian:trixie-slim [image.registry, image.choices]", async () => {
  const { told, done } = startBuild({ tag, packages: ["tree"] });
  const image = await done;
  expect(image).toMatchObject({ tag, from: BASE, id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
  expect(registry.asked).toContain("/v2/library/debian/manifests/trixie-slim");
  expect(told.said.join("\n")).not.toContain("Debian packages instead");
}, 300_000);

test("that image has every package of the list, and the one that was added [image.tools, image.choices]", async () => {
  const wanted = [...readPackages(await Bun.file(LIST).text()), "tree"];
  const installed = (await runIn(tag, "dpkg-query -W -f '${Package}\\n'")).split("\n");
  expect(wanted.filter((name) => !installed.includes(name))).toEqual([]);
  expect(await runIn(tag, "ls -d /podexec-build /var/lib/apt/lists/*Packages /var/cache/apt/*.bin; pwd")).toBe(
    "/workspace\n",
  );
}, 60_000);

test("a package that does not exist is named, and nothing of the build is left [image.clean]", async () => {
  const before = await podman(["images", "--all", "--quiet"]);
  const problem = await startBuild({ tag: own, from: small, packages: ["no-such-package"] }).done.catch(
    (e: unknown) => e,
  );
  expect(problem).toMatchObject({ code: "BUILD_FAILED", message: expect.stringContaining("no-such-package") });
  expect(await podman(["images", "--all", "--quiet"])).toBe(before);
}, 120_000);

test("an image that the registry does not have is an error, not a reason to bootstrap [image.fallback]", async () => {
  const problem = await startBuild({ tag: own, suite: "nosuch" }).done.catch((error: unknown) => error);
  expect(String(problem)).toMatch(/debian:nosuch-slim cannot be pulled: .*manifest unknown/);
}, 60_000);

test("a Containerfile of one's own is built, from cache the second time unless told otherwise [image.choices]", async () => {
  const file = join(folder, "Containerfile");
  writeFileSync(file, `FROM ${small}\nRUN echo mine > /mine\nRUN true\n`);
  const first = startBuild({ tag: own, file });
  await first.done;
  expect(await runIn(own, "cat /mine")).toBe("mine\n");
  const again = startBuild({ tag: own, file });
  expect((await again.done).id).toBe((await first.done).id);
  expect(again.told.lines.join("\n")).toContain("Using cache");
  const anew = startBuild({ tag: own, file, noCache: true });
  expect((await anew.done).id).not.toBe((await first.done).id);
  expect(anew.told.lines.join("\n")).not.toContain("Using cache");
}, 120_000);

test("a failed Containerfile leaves the old image its name and takes its own layers away [image.clean]", async () => {
  const id = await podman(["image", "inspect", "--format", "{{.Id}}", own]);
  const before = await podman(["images", "--all", "--quiet", "--no-trunc"]);
  const file = join(folder, "Failing");
  writeFileSync(file, `FROM ${small}\nRUN echo one > /one\nRUN exit 3\n`);
  const problem = await startBuild({ tag: own, file }).done.catch((error: unknown) => error);
  expect(problem).toMatchObject({ code: "BUILD_FAILED", details: expect.stringContaining("exit status 3") });
  expect(await podman(["images", "--all", "--quiet", "--no-trunc"])).toBe(before);
  expect(await podman(["image", "inspect", "--format", "{{.Id}}", own])).toBe(id);
}, 60_000);

test("an image in which no shell starts never gets the name [image.clean]", async () => {
  const id = await podman(["image", "inspect", "--format", "{{.Id}}", own]);
  const file = join(folder, "Shellless");
  writeFileSync(file, "FROM scratch\nLABEL podexec.test=1\n");
  const problem = await startBuild({ tag: own, file }).done.catch((error: unknown) => error);
  expect(problem).toMatchObject({ code: "BUILD_FAILED", message: expect.stringContaining("/bin/sh") });
  expect(await podman(["image", "inspect", "--format", "{{.Id}}", own])).toBe(id);
}, 60_000);
