/** file_list and file_search as the SDK's client sees them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { connect, openApp } from "../support/mcp-app.ts";
import { cleanUpAfterAll, temporaryFolder } from "../support/sandboxes.ts";
import { callTool } from "../support/tools.ts";

cleanUpAfterAll();

const app = openApp();
let client: Client;
let root: string;
beforeAll(async () => {
  ({ client } = await connect(app));
  root = temporaryFolder();
  mkdirSync(join(root, "src/empty"), { recursive: true });
  writeFileSync(join(root, "src/main.c"), "int main(void)\n{\n    return 0;\n}\n");
  writeFileSync(join(root, "two\nlines"), "return\n");
  writeFileSync(join(root, ".gitignore"), "*.o\n");
  writeFileSync(join(root, "main.o"), "return");
  symlinkSync("src/main.c", join(root, "link"));
  // The first call makes the sandbox, and says so.
  await callTool({ client }, "file_list", { path: root });
});
afterAll(async () => {
  await client.close();
  await app.close();
});

test("file_list shows a tree, and the same as data [find.list]", async () => {
  const { text, structured, isError } = await callTool({ client }, "file_list", { path: root });
  expect(isError).toBe(false);
  expect(text).toBe(`${root}\n  link -> src/main.c\n  src/\n    empty/\n    main.c  33 B\n  "two\\nlines"  7 B`);
  expect(structured).toMatchObject({
    path: root,
    unreadable: [],
    sandbox: expect.stringMatching(/^sbx_/),
    entries: [
      { path: "link", type: "link", target: "src/main.c" },
      { path: "src", type: "folder" },
      { path: "two\nlines", type: "file", size: 7, mode: "0644", modified: expect.stringMatching(/^\d{4}-/) },
      { path: "src/empty", type: "folder" },
      { path: "src/main.c", type: "file", size: 33 },
    ],
  });
});

test("file_list narrows down, says what it leaves out, and what is not there [find.list, find.refused]", async () => {
  const found = await callTool({ client }, "file_list", { path: root, pattern: "*.c" });
  expect(found.text).toBe(`${root}\n  src/\n    main.c  33 B`);
  const cut = await callTool({ client }, "file_list", { path: root, limit: 1 });
  expect(cut.structured).toMatchObject({ truncated: "limit", entries: [{ path: "link" }] });
  expect(cut.text).toStartWith(`${root}\n  link -> src/main.c\n  ... 2 more\n[the limit is reached`);
  const hidden = await callTool({ client }, "file_list", { path: root, hidden: true, ignore: false, depth: 1 });
  expect(hidden.structured["entries"]).toHaveLength(5);
  const nothing = await callTool({ client }, "file_list", { path: join(root, "src/empty") });
  expect(nothing.text).toEndWith("[nothing there that is not hidden or ignored]");
  const missing = await callTool({ client }, "file_list", { path: join(root, "no") });
  expect(missing).toMatchObject({ isError: true, structured: { code: "FILE_NOT_FOUND" } });
  const wrong = await callTool({ client }, "file_list", { path: root, depth: 0, limit: 0 });
  expect(wrong.text).toMatch(/file_list: depth: .*; limit: /);
});

test("file_search shows matches as ripgrep does, and the same as data [find.search]", async () => {
  const { text, structured } = await callTool({ client }, "file_search", {
    path: root,
    pattern: "ret\\w+",
    context: 1,
  });
  expect(text).toBe(
    `${root}/src/main.c\n2-{\n3:    return 0;\n4-}\n\n${JSON.stringify(`${root}/two\nlines`)}\n1:return`,
  );
  expect(structured).toMatchObject({
    files: 2,
    matches: [
      { path: "src/main.c", line: 3, column: 5, text: "    return 0;", before: ["{"], after: ["}"] },
      { path: "two\nlines", line: 1, column: 1, text: "return" },
    ],
  });
});

test("file_search narrows down, says what it leaves out, and what is wrong [find.search, find.refused]", async () => {
  const search = (args: Record<string, unknown>) => callTool({ client }, "file_search", { path: root, ...args });
  expect((await search({ pattern: "return", limit: 1 })).structured).toMatchObject({ truncated: "limit", files: 1 });
  expect((await search({ pattern: "RETURN", case: "insensitive", globs: ["!src/"] })).structured).toMatchObject({
    files: 1,
  });
  expect((await search({ pattern: "main(", literal: true })).structured).toMatchObject({ files: 1 });
  expect((await search({ pattern: "no such" })).text).toBe(`[no match in ${root}]`);
  const wrong = await search({ pattern: "main(" });
  expect(wrong).toMatchObject({ isError: true, structured: { code: "INVALID_PARAMS" } });
  expect(wrong.text).toMatch(/pattern: .*\(character 5\)[^]*literal: true/);
  expect((await search({ pattern: "a\nb" })).text).toContain("pattern must be one line");
  expect((await search({ pattern: "x", globs: ["/"] })).text).toContain("not a glob: /");
});

test("an answer is bounded, however much there is [find.bounded]", async () => {
  const large = temporaryFolder();
  for (let i = 0; i < 3_000; i++)
    writeFileSync(join(large, `${i}`.padStart(200, "n")), `${"hit ".repeat(100)}\n`.repeat(3));
  const listed = await callTool({ client }, "file_list", { path: large, limit: 10_000 });
  expect(listed.structured).toMatchObject({ truncated: "limit" });
  const found = await callTool({ client }, "file_search", { path: large, pattern: "hit", limit: 5_000 });
  expect(found.structured).toMatchObject({ truncated: "limit" });
  for (const { text, structured } of [listed, found]) {
    expect(text.length).toBeLessThan(300_000);
    expect(JSON.stringify(structured).length).toBeLessThan(400_000);
  }
});
