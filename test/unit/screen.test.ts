import { afterEach, expect, test } from "bun:test";
import { Mask, secretOf } from "../../src/sandbox/output/mask.ts";
import { Screen } from "../../src/sandbox/output/screen.ts";

const screens: Screen[] = [];
afterEach(() => screens.splice(0).forEach((screen) => screen.dispose()));

async function shown(written: string, mask = new Mask()) {
  const screen = new Screen({ rows: 5, columns: 20 });
  screens.push(screen);
  await screen.update(async () => ({ at: 0, bytes: Buffer.from(written) }));
  return screen.view(mask);
}

test("a screen shows what is written, where it is written [tty.screen]", async () => {
  const view = await shown("one\r\n\x1b[3;5Htwo\x1b[1;1HO");
  expect(view).toMatchObject({
    rows: ["One", "", "    two", "", ""],
    cursor: { row: 0, column: 1 },
    isAlternate: false,
  });
  expect(await shown("\x1b[?1049h\x1b[?1hfull")).toMatchObject({ isAlternate: true, hasApplicationCursor: true });
});

test("a screen goes on where it was, and follows another size [tty.screen]", async () => {
  const screen = new Screen({ rows: 3, columns: 10 });
  screens.push(screen);
  await screen.update(async () => ({ at: 0, bytes: Buffer.from("ab") }));
  await screen.update(async () => ({ at: 0, bytes: Buffer.from("abcd") }));
  screen.resize({ rows: 4, columns: 12 });
  expect((await screen.view(new Mask())).rows).toEqual(["abcd", "", "", ""]);
});

test("a secret is masked on the screen, over the end of a row too [secrets.masked]", async () => {
  const { rows } = await shown(`${"x".repeat(15)}hunter2-hunter2 y`, new Mask([secretOf("hunter2-hunter2")]));
  expect(rows.slice(0, 2)).toEqual([`${"x".repeat(15)}*****`, "********** y"]);
});

test.each([
  ...["@", "I", "L", "M", "P", "S", "T", "X", "Z", "^", "b", " @", " A", "'}", "'~"].map((final): [string, string] => [
    `do ${final} without end`,
    `x\x1b[2147483647${final}`.repeat(3_000),
  ]),
  ["clear the screen again and again", "\x1b[2J".repeat(30_000)],
  ["open a string that never ends", `\x1b]0;${"t".repeat(130_000)}`],
  ["link without end", Array.from({ length: 4_000 }, (_, n) => `\x1b]8;id=${n};http://x/${n}\x07x`).join("")],
])("sequences that %s are over in bounded time and memory [tty.bounded]", async (_, flood) => {
  const startedAt = performance.now();
  const before = process.memoryUsage().rss;
  const view = await shown(flood);
  expect(view.rows).toHaveLength(5);
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
});
