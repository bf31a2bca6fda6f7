import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Change } from "../../src/sandbox/files/watch.ts";
import { isLinux, TESTED_BUILDS } from "../support/agent-harness.ts";
import { startFiles } from "../support/agent-files.ts";
import { cleanUpAfterAll, temporaryFolder, until } from "../support/sandboxes.ts";

cleanUpAfterAll();

/** Longer than the worker collects changes before it tells. */
const SETTLED_MS = 150;

describe.skipIf(!isLinux).each(TESTED_BUILDS)("watching with the %s agent", (build) => {
  let started: Awaited<ReturnType<typeof startFiles>>;
  beforeAll(async () => {
    started = await startFiles({ build });
  });
  afterAll(() => started[Symbol.asyncDispose](), 20_000);

  /** What is told of a path. */
  async function observe(path: string) {
    const changes: Change[] = [];
    const watch = await started.watches.watch(path, (change) => void changes.push(change));
    /** Does something and answers with what is told of it, once it is quiet. */
    const after = async (act: () => void): Promise<string> => {
      changes.length = 0;
      act();
      await until("a change", () => changes.length > 0, 3_000);
      await Bun.sleep(SETTLED_MS);
      const kinds = ["content", "created", "gone", "lost"] as const;
      return kinds.filter((kind) => changes.some((change) => change[kind])).join(" ");
    };
    return { changes, after, watch };
  }

  test("a change in place, a replacement, an end and a return are told [watch.told, find.clean]", async () => {
    const root = temporaryFolder();
    const file = join(root, "file");
    writeFileSync(file, "1");
    const { after, watch } = await observe(file);
    expect(await after(() => writeFileSync(file, "2"))).toBe("content");
    writeFileSync(join(root, "new"), "3");
    expect(await after(() => renameSync(join(root, "new"), file))).toBe("created");
    expect(await after(() => writeFileSync(file, "4"))).toBe("content");
    expect(await after(() => rmSync(file))).toBe("gone");
    expect(await after(() => writeFileSync(file, "5"))).toBe("content created");
    watch.close();
  });

  test("a folder tells which entries changed, and outlives its own removal [watch.told]", async () => {
    const folder = join(temporaryFolder(), "folder");
    mkdirSync(folder);
    const { after, changes, watch } = await observe(folder);
    expect(await after(() => writeFileSync(join(folder, "a\nb"), "1"))).toBe("content created");
    expect(changes.flatMap(({ names }) => names)).toContain("a\nb");
    expect(await after(() => rmSync(folder, { recursive: true }))).toBe("gone");
    expect(await after(() => mkdirSync(folder))).toContain("created");
    expect(await after(() => writeFileSync(join(folder, "again"), ""))).toContain("created");
    watch.close();
  });

  test("a folder further up that goes and comes back is found again [watch.told]", async () => {
    const root = temporaryFolder();
    const file = join(root, "a/file");
    mkdirSync(join(root, "a"));
    writeFileSync(file, "1");
    const { after, watch } = await observe(file);
    expect(await after(() => renameSync(join(root, "a"), join(root, "b")))).toBe("gone");
    const back = await after(() => {
      mkdirSync(join(root, "a"));
      writeFileSync(file, "2");
    });
    expect(back).toContain("created");
    expect(await after(() => writeFileSync(file, "3"))).toBe("content");
    watch.close();
  });

  test("changes of others and changes after the end of a watch are not told [watch.told]", async () => {
    const root = temporaryFolder();
    for (const name of ["mine", "other"]) writeFileSync(join(root, name), "");
    symlinkSync("mine", join(root, "link"));
    const mine = await observe(join(root, "link"));
    const other = await observe(join(root, "other"));
    await other.after(() => writeFileSync(join(root, "other"), "2"));
    expect(mine.changes).toEqual([]);
    other.watch.close();
    await mine.after(() => writeFileSync(join(root, "mine"), "2"));
    writeFileSync(join(root, "other"), "3");
    await Bun.sleep(SETTLED_MS);
    expect(other.changes.length).toBeLessThan(3);
    mine.watch.close();
  });

  test("a flood of changes is told together [watch.bounded]", async () => {
    const root = temporaryFolder();
    const { changes, after, watch } = await observe(root);
    const flood = () => {
      for (let i = 0; i < 20_000; i++) writeFileSync(join(root, `file${i % 500}`), String(i));
    };
    expect(await after(flood)).toContain("lost");
    expect(changes.length).toBeLessThan(200);
    expect(Math.max(...changes.map(({ names }) => names.length))).toBe(32);
    watch.close();
  }, 20_000);

  test("what is not there, and more than 256 at once, is refused [watch.bounded]", async () => {
    const root = temporaryFolder();
    const failing = async (path: string) =>
      started.watches.watch(path, () => {}).catch((error: { code: string }) => error.code);
    expect(await failing(join(root, "no"))).toBe("FILE_NOT_FOUND");
    const all = await Promise.all(Array.from({ length: 256 }, () => started.watches.watch(root, () => {})));
    expect(await failing(root)).toBe("LIMIT_REACHED");
    for (const watch of all) watch.close();
  });

  test("all watches share one connection, and come back when it is lost [watch.shared]", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "1");
    const before = started.connections.length;
    const one = await observe(file);
    const two = await observe(file);
    expect(started.connections.length).toBe(before + 1);
    expect(await one.after(() => started.connections.at(-1)?.close())).toContain("lost");
    expect(two.changes.some(({ lost }) => lost)).toBe(true);
    expect(await two.after(() => writeFileSync(file, "2"))).toBe("content");
    one.watch.close();
    two.watch.close();
  });
});
