import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { PodexecError } from "../../src/errors.ts";
import { makeFolder } from "../../src/image/folder.ts";
import { inventory, programsIn, runIn, startBuild, temporaryFiles, testTag, type Building } from "../support/images.ts";
import { ROOT } from "../support/executable.ts";
import { cleanUpAfterAll, podman, temporaryFolder, testData, toolImage, until } from "../support/sandboxes.ts";
import type { BuildRequest } from "../../src/image/options.ts";

cleanUpAfterAll();

const tag = testTag("stopped");
const folder = temporaryFolder();
const temporary = process.env["TMPDIR"];
process.env["TMPDIR"] = folder;
const interrupted = new PodexecError("INTERRUPTED", "interrupted by SIGINT");
/** Where builds have their temporary files. */
let place: string;
let before: Set<string>;

beforeAll(async () => {
  await podman(["tag", toolImage, tag]);
  const build = await makeFolder();
  place = dirname(build);
  rmSync(build, { recursive: true });
  before = await inventory(place);
});
afterAll(async () => {
  if (temporary === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = temporary;
  await podman(["rmi", "--force", tag]);
});

/** Starts a build, interrupts it when it has come so far, and waits for its end. */
async function interrupt(request: BuildRequest, isDue: (building: Building) => boolean): Promise<void> {
  const stopping = new AbortController();
  const building = startBuild({ ...request, tag }, stopping.signal);
  const ended = building.done.catch((error: unknown) => error);
  await until("the build comes so far", () => isDue(building), 120_000);
  stopping.abort(interrupted);
  const begun = performance.now();
  expect(await ended).toBe(interrupted);
  expect(performance.now() - begun).toBeLessThan(10_000);
}

async function expectNothingLeft(): Promise<void> {
  expect([...(await inventory(place))].filter((item) => !before.has(item))).toEqual([]);
  expect(programsIn(place)).toEqual([]);
  expect(await runIn(tag, "echo the old image")).toBe("the old image\n");
}

test.each(["", "RUN true\n"])(
  "a RUN step that is interrupted leaves nothing (%p before it) [image.clean]",
  async (first) => {
    const file = join(folder, "Containerfile");
    writeFileSync(
      file,
      `FROM ${toolImage}\n${first}RUN echo begun; trap '' TERM INT; sleep 300 & setsid sleep 300; wait\n`,
    );
    await interrupt({ file }, ({ told }) => told.lines.includes("begun"));
    await expectNothingLeft();
  },
  60_000,
);

test.each(["running apt-get update", "downloading packages", "installing remaining packages"])(
  "a bootstrap that is interrupted while %s leaves nothing [image.clean]",
  async (phase) => {
    await interrupt({ bootstrap: true }, ({ told }) => told.lines.some((line) => line.includes(phase)));
    await expectNothingLeft();
  },
  180_000,
);

test("a bootstrap that fails leaves nothing either, and names what was wrong [image.clean]", async () => {
  const failing = startBuild({ tag, bootstrap: true, packages: ["no-such-package"] });
  expect(await failing.done.catch((error: unknown) => error)).toMatchObject({
    code: "BUILD_FAILED",
    message: expect.stringContaining("no Debian package no-such-package"),
  });
  await expectNothingLeft();
}, 120_000);

test("what a killed build left is taken away by the next one, what a running one has is not [image.clean]", async () => {
  const running = await makeFolder();
  const words = ["build-image", "--bootstrap", "--tag", tag, "--data-dir", testData];
  const child = Bun.spawn([process.execPath, "src/main.ts", ...words], {
    cwd: ROOT,
    env: process.env,
    stderr: "ignore",
  });
  await until("it runs mmdebstrap", () => programsIn(place).length > 3, 60_000);
  child.kill("SIGKILL");
  await child.exited;
  await until("its programs end by themselves", () => programsIn(place).length === 0, 120_000);
  expect(temporaryFiles(place)).toHaveLength(2);
  await startBuild({ tag, bootstrap: true, packages: ["no-such-package"] }).done.catch(() => {});
  expect(temporaryFiles(place)).toEqual([basename(running)]);
  rmSync(running, { recursive: true });
  await expectNothingLeft();
}, 200_000);
