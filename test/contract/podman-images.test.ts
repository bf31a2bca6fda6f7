/** The tools for images and files, on real Podman. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { openTools, ownName, TEST_LABELS } from "../support/podman-tools.ts";
import { openRegistry } from "../support/registry.ts";
import { cleanUpAfterAll, podman, temporaryFolder } from "../support/sandboxes.ts";

cleanUpAfterAll();
const folder = temporaryFolder();
const registry = openRegistry(folder);
const { call, codeOf, sleeper } = await openTools({ mounts: [folder] });
const made: string[] = [];
afterAll(async () => {
  registry.close();
  if (made.length > 0) await podman(["image", "rm", "--force", "--ignore", ...made]);
}, 60_000);

/** An image of one small file of its own, with a name that is removed after the tests. */
async function smallImage(): Promise<{ tag: string; id: string }> {
  const tag = `localhost/${ownName("image")}:1`;
  made.push(tag);
  const containerfile = `FROM scratch\nENV WHICH=${tag}\nLABEL which=${tag}`;
  const { structuredContent } = await call("podman_build", { containerfile, tags: [tag], labels: TEST_LABELS });
  return { tag, id: String(structuredContent["id"]) };
}

describe("podman_build", () => {
  test("builds from a text alone, and tells the steps as progress [podman-tools.images]", async () => {
    const told: string[] = [];
    const tag = `localhost/${ownName("image")}:1`;
    made.push(tag);
    const containerfile = "FROM scratch AS one\nARG WHAT=x\nENV GOT=$WHAT\nFROM scratch\nENV NEVER=1";
    const args = { containerfile, tags: [tag], labels: TEST_LABELS, build_args: { WHAT: "y" }, target: "one" };
    const onprogress = ({ message = "" }: { message?: string | undefined }) => void told.push(message);
    const { structuredContent } = await call("podman_build", args, { onprogress });
    expect(structuredContent).toMatchObject({ id: expect.stringMatching(/^[a-f0-9]{64}$/), tags: [tag] });
    expect(told.join("")).toContain("STEP 1");
    const { object } = (await call("podman_inspect", { container: tag })).structuredContent as {
      object: { Config: { Env: string[] } };
    };
    expect(object.Config.Env).toContain("GOT=y");
  }, 60_000);

  test("builds from a folder that the operator allows, and from no other [podman-tools.images, podman-tools.policy]", async () => {
    const context = join(folder, "context");
    mkdirSync(context, { recursive: true });
    writeFileSync(join(context, "Other"), "FROM scratch\nCOPY file /file");
    writeFileSync(join(context, "file"), "content");
    symlinkSync("/etc", join(folder, "link"));
    const tag = `localhost/${ownName("image")}:1`;
    made.push(tag);
    const built = await call("podman_build", { context, file: "Other", tags: [tag], labels: TEST_LABELS });
    expect(built.isError ?? false).toBe(false);
    for (const refused of ["/etc", join(folder, "link"), join(folder, "..")]) {
      expect(await codeOf("podman_build", { context: refused })).toBe("REFUSED");
    }
    expect(await codeOf("podman_build", { context, file: "../../../etc/passwd" })).toBe("REFUSED");
    expect(await codeOf("podman_build", { context: "relative" })).toBe("INVALID_PARAMS");
    expect(await codeOf("podman_build", {})).toBe("INVALID_PARAMS");
  }, 60_000);

  test("says why it failed [podman-tools.images, podman-tools.failure]", async () => {
    const failed = async (containerfile: string) => (await call("podman_build", { containerfile })).structuredContent;
    expect(await failed("FROM scratch\nNONSENSE 1")).toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringContaining("NONSENSE"),
    });
    expect(await failed("FROM no-such-image-of-podexec")).toMatchObject({ code: "IMAGE_NOT_FOUND" });
    expect(await failed("FROM scratch\nCOPY nothing /")).toMatchObject({ code: "BUILD_FAILED" });
  }, 60_000);
});

test("images are listed, named, shown with their history and removed, each with its result [podman-tools.images]", async () => {
  const { tag, id } = await smallImage();
  const other = `localhost/${ownName("image")}:2`;
  made.push(other);
  expect((await call("podman_tag", { image: tag, tags: [other] })).structuredContent).toMatchObject({
    id,
    tags: [other],
  });
  const { images } = (await call("podman_images", { filters: { reference: other } })).structuredContent;
  expect(images).toMatchObject([{ Id: id, Names: expect.arrayContaining([tag, other]) }]);
  const labelled = async (all: boolean) =>
    (await call("podman_images", { all, filters: { label: `which=${tag}` } })).structuredContent["total"];
  expect(await labelled(false)).toBe(1);
  expect(await labelled(true)).toBeGreaterThan(1);
  const { history } = (await call("podman_image_history", { image: tag })).structuredContent;
  expect(JSON.stringify(history)).toContain(`LABEL which=${tag}`);
  const removed = await call("podman_rmi", { images: [other, "no-such-image", tag] });
  expect(removed.structuredContent).toMatchObject({
    failed: 1,
    results: [{ ok: true }, { ok: false, error: { code: "IMAGE_NOT_FOUND" } }, { ok: true }],
  });
  expect(await codeOf("podman_image_history", { image: tag })).toBe("IMAGE_NOT_FOUND");
  expect(await codeOf("podman_tag", { image: tag, tags: [other] })).toBe("IMAGE_NOT_FOUND");
  expect(await codeOf("podman_tag", { image: tag, tags: ["Bad Name"] })).toBe("INVALID_IMAGE_NAME");
  expect(await codeOf("podman_rmi", { images: ["--all"] })).toBe("INVALID_IMAGE_NAME");
  expect(await codeOf("podman_images", { filters: { label: "" } })).toBe("INVALID_PARAMS");
}, 60_000);

test("images are pushed and pulled, with progress [podman-tools.images]", async () => {
  const { tag, id } = await smallImage();
  const destination = `${registry.host}/small:1`;
  made.push(destination);
  expect((await call("podman_push", { image: tag, destination })).structuredContent).toMatchObject({ destination });
  await call("podman_rmi", { images: [tag] });
  const told: string[] = [];
  const onprogress = ({ message = "" }: { message?: string | undefined }) => void told.push(message);
  const pulled = await call("podman_pull", { image: destination }, { onprogress });
  expect(pulled.structuredContent).toEqual({ image: destination, id });
  expect(told.join("")).toContain("Trying to pull");
  expect(await codeOf("podman_pull", { image: `${registry.host}/other:1` })).toBe("IMAGE_NOT_FOUND");
  expect(await codeOf("podman_pull", { image: "oci:/etc" })).toBe("INVALID_IMAGE_NAME");
  expect(await codeOf("podman_push", { image: "no-such-image-of-podexec" })).toBe("IMAGE_NOT_FOUND");
  expect(await codeOf("podman_push", { image: destination, destination: "dir:/tmp/x" })).toBe("INVALID_IMAGE_NAME");
  expect(await codeOf("podman_push", { image: destination, destination: "localhost:1/x" })).toBe("REGISTRY_ERROR");
}, 60_000);

test("files are copied into, out of and between containers [podman-tools.copy]", async () => {
  const [one, two] = [await sleeper(), await sleeper()];
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  writeFileSync(from, "text");
  const copied = async (source: string, destination: string) =>
    (await call("podman_cp", { source, destination })).structuredContent["code"] ?? "copied";
  expect(await copied(from, `${one}:/tmp/file`)).toBe("copied");
  expect(await copied(`${one}:/tmp/file`, `${two}:/tmp/file`)).toBe("copied");
  expect(await copied(`${two}:/tmp/file`, to)).toBe("copied");
  expect(readFileSync(to, "utf8")).toBe("text");
  expect(await copied("/etc/passwd", `${one}:/tmp/x`)).toBe("REFUSED");
  expect(await copied(`${one}:/tmp/file`, "/etc/podexec-test")).toBe("REFUSED");
  expect(await copied(`${one}:/no/such`, to)).toBe("FILE_NOT_FOUND");
  expect(await copied("no-such:/tmp", to)).toBe("CONTAINER_NOT_FOUND");
  expect(await copied(from, to)).toBe("INVALID_PARAMS");
  expect(await copied("--help", to)).toBe("INVALID_PARAMS");
}, 60_000);
