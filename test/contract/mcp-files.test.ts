/** file_read, file_write, file_edit, file_delete and file_move as the SDK's client sees them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { connect, openApp } from "../support/mcp-app.ts";
import { cleanUpAfterAll, temporaryFolder } from "../support/sandboxes.ts";
import { callTool } from "../support/tools.ts";

cleanUpAfterAll();

const app = openApp({ outputBytes: 1_000 });
let client: Client;
let root: string;
beforeAll(async () => {
  ({ client } = await connect(app));
  root = temporaryFolder();
  // The first call makes the sandbox, and says so.
  await callTool({ client }, "file_read", { path: "/etc/hostname" });
});
afterAll(async () => {
  await client.close();
  await app.close();
});

const at = (name: string) => join(root, name);
const call = (name: string, args: Record<string, unknown>) => callTool({ client }, name, args);

test("a text file is shown exactly, and long ones in parts that say where to go on [file.read]", async () => {
  writeFileSync(at("a"), Array.from({ length: 500 }, (_, i) => `line ${i + 1}\n`).join(""));
  const first = await call("file_read", { path: at("a") });
  expect(first.structured).toMatchObject({
    kind: "text",
    from_line: 1,
    total_lines: 500,
    total_bytes: 4392,
    truncated: true,
    mode: "0644",
  });
  const next = (first.structured["to_line"] as number) + 1;
  expect(first.text).toEndWith(`line ${next - 1}\n[lines 1 to ${next - 1} of 500; go on with from_line ${next}]`);
  const { text, structured } = await call("file_read", { path: at("a"), from_line: 499 });
  expect(text).toBe("line 499\nline 500\n");
  expect(structured).toMatchObject({ content: text, from_line: 499, to_line: 500, truncated: false });
  const behind = await call("file_read", { path: at("a"), from_line: 501 });
  expect([behind.text, behind.structured["truncated"]]).toEqual([
    "[nothing there: the file has 500 lines, 4392 bytes]",
    false,
  ]);
});

test("a line that does not fit is cut off between characters, and goes on by offset [file.read]", async () => {
  writeFileSync(at("long"), `a${"ü".repeat(1_000)}\n`);
  const { text, structured } = await call("file_read", { path: at("long") });
  expect(text).toEndWith("ü\n[lines 1 to 1 of 1, the last one cut off at 999 bytes; go on with offset 999]");
  expect(structured).toMatchObject({ kind: "text", length: 999, truncated: true });
  const rest = await call("file_read", { path: at("long"), offset: 999, length: 2_000 });
  expect([structured["content"], rest.structured["content"]].join("")).toBe(readFileSync(at("long"), "utf8"));
});

test("an image is attached, anything else is base64 by range [file.read]", async () => {
  const png = Buffer.from("89504e470d0a1a0a0000000d", "hex");
  writeFileSync(at("a.png"), png);
  const request = { method: "tools/call" as const, params: { name: "file_read", arguments: { path: at("a.png") } } };
  const { content } = await client.request(request, CallToolResultSchema);
  expect(content).toEqual([
    { type: "text", text: "[image/png, 12 bytes]" },
    { type: "image", data: png.toString("base64"), mimeType: "image/png" },
  ]);
  writeFileSync(at("b.png"), Buffer.concat([png, Buffer.alloc(6 * 1024 * 1024)]));
  expect((await call("file_read", { path: at("b.png") })).text).toMatch(/image\/png, not shown as an image: at most/);
  const binary = await call("file_read", { path: "/proc/self/exe", offset: 1, length: 3 });
  expect(binary.structured).toMatchObject({
    kind: "binary",
    encoding: "base64",
    content: btoa("ELF"),
    offset: 1,
    truncated: true,
  });
  const head = await call("file_read", { path: "/proc/self/exe" });
  expect([head.structured["length"], head.text]).toEqual([1_024, expect.stringContaining("go on with offset 1024")]);
});

test("a file that is not quite UTF-8 is shown, and edited without harm to the rest [file.read, file.edit]", async () => {
  writeFileSync(at("latin"), Buffer.from("gr\u00fc\u00dfe\nyes\n", "latin1"));
  expect((await call("file_read", { path: at("latin") })).structured).toMatchObject({ kind: "text", inexact: true });
  await call("file_edit", { path: at("latin"), old: "yes", new: "no" });
  expect(readFileSync(at("latin"), "latin1")).toBe("gr\u00fc\u00dfe\nno\n");
});

test("what is written is there exactly, with mode and folders [file.write]", async () => {
  const content = "#!/bin/sh\necho \"$HOME\" '\\n' `date` \u{1f600}\r\n";
  const { structured, text } = await call("file_write", { path: at("x/y/run.sh"), content, mode: "0755" });
  expect(structured).toMatchObject({
    path: at("x/y/run.sh"),
    created: true,
    written_bytes: Buffer.byteLength(content),
    mode: "0755",
  });
  expect([readFileSync(at("x/y/run.sh"), "utf8"), statSync(at("x/y/run.sh")).mode & 0o777]).toEqual([content, 0o755]);
  expect(text).toMatch(/^wrote new file, \d+ bytes: .*run\.sh \(mode 0755\)$/);
  await call("file_write", { path: at("x/bin"), content_base64: "AP8=" });
  await call("file_write", { path: at("x/bin"), content: "more", if_exists: "append" });
  expect(readFileSync(at("x/bin"))).toEqual(Buffer.from("00ff6d6f7265", "hex"));
});

test.each([
  [{ content: "x", if_exists: "fail" }, /FILE_ERROR: .*EEXIST/],
  [
    { path: "no/such/folder/a", content: "x", create_folders: false },
    /FILE_NOT_FOUND: cannot write no\/such\/folder\/a/,
  ],
  [{ content: "x", content_base64: "eA==" }, /give either content or content_base64/],
  [{ content_base64: "no base64!" }, /content_base64/],
  [{ content: "x", mode: "rwx" }, /three or four octal digits/],
  [{ path: "a\u0000b", content: "x" }, /must not contain NUL/],
  [{ path: "\ud800", content: "x" }, /UTF-8/],
  [{ content: "half \ud800" }, /content is no text .* use content_base64/],
  [{ path: "x".repeat(4_096), content: "x" }, /at most 4095 bytes/],
])("file_write refuses %j and says why [file.write, files.errors]", async (args, why) => {
  writeFileSync(at("there"), "stays");
  const { isError, text } = await call("file_write", { path: at("there"), ...args });
  expect([isError, text]).toEqual([true, expect.stringMatching(why)]);
  expect(readFileSync(at("there"), "utf8")).toBe("stays");
});

test("an edit replaces what matches as often as said and shows the diff [file.edit]", async () => {
  writeFileSync(at("e"), "one\ntwo\nthree\ntwo\n", { mode: 0o600 });
  const edits = [
    { old: "two", new: "2", count: 2 },
    { old: "one\n", new: "" },
  ];
  const { structured, text } = await call("file_edit", { path: at("e"), edits });
  expect(structured).toMatchObject({ replaced: 3, path: at("e"), total_bytes: 10 });
  expect(text).toContain("-one\n-two\n+2\n three\n-two\n+2\n");
  expect([readFileSync(at("e"), "utf8"), statSync(at("e")).mode & 0o777]).toEqual(["2\nthree\n2\n", 0o600]);
});

test.each([
  [{ old: "two", new: "x" }, /old occurs 2 times in .*, not 1: lines 2, 4\n.*count: 2 .*Nothing was changed/s],
  [{ old: "threee", new: "x" }, /does not occur in .*\nnearest lines:\n3: three/s],
  [{ old: "one\n  two", new: "x" }, /white space only/],
  [
    {
      edits: [
        { old: "one", new: "1" },
        { old: "one", new: "x" },
      ],
    },
    /edits\.1\.old does not occur/,
  ],
  [{ old: "one" }, /give either edits, or old and new/],
  [{ old: "", new: "x" }, /old must not be empty/],
])("file_edit refuses %j, says what is there and changes nothing [file.edit]", async (args, why) => {
  writeFileSync(at("e"), "one\ntwo\nthree\ntwo\n");
  const { isError, text } = await call("file_edit", { path: at("e"), ...args });
  expect([isError, text]).toEqual([true, expect.stringMatching(why)]);
  expect(readFileSync(at("e"), "utf8")).toBe("one\ntwo\nthree\ntwo\n");
});

test("files and folders are moved and deleted, and nothing that was not meant [file.arrange]", async () => {
  await call("file_write", { path: at("m/a"), content: "a" });
  await call("file_write", { path: at("m/b"), content: "b" });
  expect((await call("file_move", { from: at("m/a"), to: at("m/b") })).text).toMatch(/FILE_ERROR: .*EEXIST/);
  expect((await call("file_move", { from: at("m/a"), to: at("n/c") })).structured).toMatchObject({ path: at("n/c") });
  expect((await call("file_delete", { path: at("m") })).text).toMatch(/ENOTEMPTY.*\n.*recursive: true/);
  expect((await call("file_delete", { path: at("m"), recursive: true })).structured).toMatchObject({ deleted: 2 });
  expect((await call("file_delete", { path: at("m") })).text).toMatch(/^FILE_NOT_FOUND: cannot delete/);
  expect([existsSync(at("m")), readdirSync(at("n"))]).toEqual([false, ["c"]]);
});
