/** The sealed note and the key it is sealed with. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newHandle } from "../../src/sandbox/handle.ts";
import { Notes, openNotes, type Note } from "../../src/sandbox/note.ts";

const folder = mkdtempSync(join(tmpdir(), "podexec-test-note-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const note: Note = {
  handle: newHandle(),
  principal: "ann",
  createdAt: 1,
  leaseMs: 60_000,
  image: "an/image:1",
  network: "none",
  memory: 1,
  cpus: 1,
};

test("a note comes back as it was sealed, and not with another key [own.note]", () => {
  const notes = new Notes(new Uint8Array(32).fill(1));
  expect(notes.open(notes.seal(note))).toEqual(note);
  expect(new Notes(new Uint8Array(32).fill(2)).open(notes.seal(note))).toBeUndefined();
});

test("no byte of it can be changed, cut off or added [own.note]", () => {
  const notes = new Notes(new Uint8Array(32).fill(1));
  const sealed = notes.seal(note);
  for (let at = 0; at < sealed.length; at++) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(notes.open(changed)).toBeUndefined();
    expect(notes.open(sealed.subarray(0, at))).toBeUndefined();
  }
  expect(notes.open(Buffer.concat([sealed, Buffer.from(" ")]))).toBeUndefined();
});

test("what is sealed but no note is none [own.note]", () => {
  const notes = new Notes(new Uint8Array(32).fill(1));
  expect(notes.open(notes.seal({ ...note, handle: "sbx_short" }))).toBeUndefined();
  expect(notes.open(notes.seal({ handle: note.handle } as Note))).toBeUndefined();
});

test("secrets that follow from the key are the same for the same words, and none is a seal [own.note]", () => {
  const notes = new Notes(new Uint8Array(32).fill(1));
  expect(notes.derive("a")).toEqual(notes.derive("a"));
  expect(notes.derive("a")).not.toEqual(notes.derive("b"));
  const text = JSON.stringify(note);
  expect(notes.open(Buffer.concat([notes.derive(text), Buffer.from(text)]))).toBeUndefined();
});

test("a data folder's key is made once, by whoever is first, and is its user's alone [own.key-file]", () => {
  const place = join(folder, "made", "here");
  const sealed = openNotes(place).seal(note);
  expect(openNotes(place).open(sealed)).toEqual(note);
  expect(statSync(join(place, "key")).mode & 0o777).toBe(0o600);
  expect(statSync(place).mode & 0o077).toBe(0);
  expect(readdirSync(place)).toEqual(["key"]);
  expect(readFileSync(join(place, "key"))).toHaveLength(32);
});

test("processes that begin at once agree on the key [own.key-file]", async () => {
  const place = join(folder, "raced");
  const script = `import { openNotes } from "${join(import.meta.dir, "../../src/sandbox/note.ts")}";
    process.stdout.write(Buffer.from(openNotes("${place}").derive("x")).toString("hex"))`;
  const children = Array.from({ length: 6 }, () => Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" }));
  const said = await Promise.all(children.map((child) => child.stdout.text()));
  expect(new Set(said).size).toBe(1);
  expect(said[0]).toHaveLength(64);
}, 20_000);

test.each([0, 31, 33, 1_000])("a key of %i bytes is named and not used [own.key-file, cli.errors]", (length) => {
  const place = mkdtempSync(join(folder, "broken-"));
  writeFileSync(join(place, "key"), Buffer.alloc(length));
  expect(() => openNotes(place)).toThrow(`${join(place, "key")} holds ${length} bytes and not a key of 32`);
});
