import { expect, test } from "bun:test";
import { ProgressFeed } from "../../src/mcp/progress.ts";

function listen() {
  const told: { done: number; message: string }[] = [];
  return { told, feed: new ProgressFeed((done, message) => told.push({ done, message })) };
}

test("output is told together, a moment after it came [exec.progress]", async () => {
  const { told, feed } = listen();
  feed.push("a");
  feed.push("b");
  expect(told).toEqual([]);
  await Bun.sleep(300);
  feed.push("c");
  await Bun.sleep(300);
  feed.stop();
  expect(told).toEqual([
    { done: 1, message: "ab" },
    { done: 2, message: "c" },
  ]);
});

test("of much output the newest is told, and seldom [exec.progress]", async () => {
  const { told, feed } = listen();
  for (let count = 0; count < 10_000; count++) feed.push(`${count}\n`);
  await Bun.sleep(300);
  feed.stop();
  expect(told.length).toBe(1);
  expect(told[0]?.message.length).toBe(4096);
  expect(told[0]?.message).toEndWith("9999\n");
});

test("nothing is told after the end [exec.progress]", async () => {
  const { told, feed } = listen();
  feed.push("late");
  feed.stop();
  await Bun.sleep(300);
  expect(told).toEqual([]);
});

test("a silent command gives a sign of life before clients give up [exec.progress]", async () => {
  const { told, feed } = listen();
  await Bun.sleep(5_300);
  feed.stop();
  expect(told).toEqual([{ done: 1, message: "running for 5 s" }]);
}, 10_000);
