import { afterAll, beforeAll, expect, test } from "bun:test";
import { readPackages } from "../../src/image/recipe.ts";
import { runIn, startBuild, testTag, useRegistry, type Told } from "../support/images.ts";
import { cleanUpAfterAll, podman, temporaryFolder } from "../support/sandboxes.ts";
import type { BuiltImage } from "../../src/image/build.ts";

cleanUpAfterAll();

const tag = testTag("bootstrap");
const CLOSED_PORT = 9;
let image: BuiltImage;
let told: Told;

beforeAll(async () => {
  useRegistry(temporaryFolder(), CLOSED_PORT);
  const building = startBuild({ tag });
  [told, image] = [building.told, await building.done];
}, 400_000);
afterAll(async () => {
  delete process.env["CONTAINERS_REGISTRIES_CONF"];
  await podman(["rmi", "--force", "--ignore", tag]);
});

test("where no registry answers, the image is made from packages, and that is said with the cause [image.fallback, image.bootstrap]", () => {
  expect(told.said.join("\n")).toMatch(/No image registry answers for \S+debian:trixie-slim \(.*connection refused\)/);
  expect(told.said.join("\n")).toContain("Making the image from Debian packages instead, as with --bootstrap.");
  expect(image).toMatchObject({ tag, from: "Debian trixie packages" });
});

test("every package of the list is there, and its tools are found by a login shell [image.tools]", async () => {
  const list = readPackages(await Bun.file(`${import.meta.dir}/../../images/base/packages.txt`).text());
  const installed = (await runIn(tag, "dpkg-query -W -f '${Package}\\n'")).split("\n");
  expect(list.filter((name) => !installed.includes(name))).toEqual([]);
  const tools =
    "bash ls curl wget git ssh rg jq ps killall sed grep gawk find file less tar gzip xz zip unzip which ip ping dig nc python3 patch";
  expect(await runIn(tag, `for tool in ${tools}; do command -v $tool >/dev/null || echo $tool; done`)).toBe("");
}, 60_000);

/** How many processes `SHELL FLAG :` forks, counted in the container's own series of process numbers. */
function forks(shell: string, flag: string): string {
  return `a=$(sh -c 'echo $$'); ${shell} ${flag} :; b=$(sh -c 'echo $$'); echo $((b - a))`;
}

test.each(["/bin/sh", "/bin/bash"])(
  "a login %s starts as many processes as a plain one: none [image.login-shell]",
  async (shell) => {
    const plain = await runIn(tag, forks(shell, "-c"));
    expect(await runIn(tag, forks(shell, "-lc"))).toBe(plain);
    const withStock = "cp /usr/share/base-files/profile /etc/profile; ";
    expect(Number(await runIn(tag, withStock + forks(shell, "-lc")))).toBeGreaterThan(Number(plain));
  },
  60_000,
);

test("the login shell has a UTF-8 locale, PATH, HOME, and begins in /workspace [image.login-shell]", async () => {
  const script = `echo "$PATH $HOME $LANG"; pwd; python3 -c 'import locale; print(locale.getencoding(), "ä€")'; sort --version >/dev/null`;
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  expect(await runIn(tag, script)).toBe(`${path} /root C.UTF-8\n/workspace\nUTF-8 ä€\n`);
  expect(await runIn(tag, 'echo "$PATH"', ["--env=PATH=/opt/bin:/usr/bin:/bin"])).toBe("/opt/bin:/usr/bin:/bin\n");
  expect(await runIn(tag, "unset PATH; exec /bin/sh -lc 'ls -d /workspace'")).toBe("/workspace\n");
}, 60_000);

test("no lists, caches, logs or identities are left, and labels say what it is [image.clean]", async () => {
  const places =
    "/var/lib/apt/lists/*_* /var/cache/apt/* /var/log/*.log /podexec-build /etc/apt/apt.conf.d/99mmdebstrap";
  expect(
    await runIn(
      tag,
      `ls -d ${places} 2>/dev/null; find /usr/share/man /usr/share/locale -type f; wc -c < /etc/machine-id`,
    ),
  ).toBe("0\n");
  const labels = JSON.parse(await podman(["image", "inspect", "--format", "{{json .Labels}}", tag])) as object;
  expect(labels).toMatchObject({ "podexec.image": "1", "org.opencontainers.image.title": "podexec tool image" });
}, 60_000);

test("apt installs in a sandbox of it without a question, with few capabilities [image.tools]", async () => {
  const few = ["--cap-drop=all", "--cap-add=chown,dac_override,fowner,fsetid,setgid,setuid"];
  const script = "exec 2>&1; apt-get update && apt-get install tree debconf-utils && tree --version; ls /usr/share/man";
  const output = await runIn(tag, script, ["--security-opt=no-new-privileges", ...few]);
  expect(output).toContain("tree v");
  expect(output).not.toMatch(/unable to initialize frontend|Do you want to continue/i);
}, 120_000);

test("git works in a repository that belongs to another user [image.tools]", async () => {
  const script = "mkdir -p a/b && git init -q a/b && chown -R 1234 a && cd a/b && git status --short && echo fine";
  expect(await runIn(tag, script)).toBe("fine\n");
}, 60_000);
