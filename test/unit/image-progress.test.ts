import { expect, test } from "bun:test";
import { createProgress } from "../../src/image/progress.ts";

function screen(isTerminal: boolean) {
  const parts: string[] = [];
  const write = async (text: string) => void parts.push(text);
  return { isTerminal, write, text: () => parts.join("") };
}

test("a terminal has one line that is redrawn with the elapsed time, and is empty at the end [image.progress]", async () => {
  const output = screen(true);
  const progress = createProgress(output);
  progress.step("Installing");
  progress.line("Unpacking \u001B[31mgit\u001B[0m ".padEnd(200, "x"));
  await Bun.sleep(500);
  progress.note("No registry answers.");
  progress.end();
  const lines = output.text().split("\r\u001B[K");
  expect(lines.slice(1, 3)).toEqual([
    "Installing (0 s)",
    expect.stringMatching(/^Installing \(0 s\): Unpacking git x/),
  ]);
  expect(Math.max(...lines.map((line) => line.trimEnd().length))).toBeLessThan(80);
  expect(output.text()).toContain("\r\u001B[KNo registry answers.\n");
  expect(output.text()).toEndWith("\r\u001B[K");
});

test("a narrow terminal's line stays one line [image.progress]", () => {
  const output = { ...screen(true), columns: 20 };
  const progress = createProgress(output);
  progress.step("Installing the packages of the tool image");
  progress.end();
  expect(output.text().split("\r\u001B[K")[1]).toBe("Installing the pac…");
});

test("elsewhere there are plain lines: each step, and now and then what it is at [image.progress]", async () => {
  const output = screen(false);
  const progress = createProgress(output, 50);
  progress.step("Installing");
  progress.line("Unpacking git");
  await Bun.sleep(70);
  progress.end();
  await Bun.sleep(60);
  expect(output.text()).toBe("Installing\nInstalling (0 s): Unpacking git\n");
});
