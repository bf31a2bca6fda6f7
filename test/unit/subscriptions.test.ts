import { expect, test } from "bun:test";
import type { Resources } from "../../src/mcp/resources/resources.ts";
import { Subscriptions } from "../../src/mcp/resources/subscriptions.ts";

const CALLER = { principal: "local", session: undefined };

/** Resources of which only the watches matter, and how many there are. */
function watchable(delayMs = 0) {
  const open = new Map<string, () => void>();
  const resources: Resources = {
    templates: [],
    list: async () => ({ resources: [] }),
    read: async () => [],
    complete: async () => ({ values: [] }),
    async watch(_, uri, onChange) {
      await Bun.sleep(delayMs);
      if (uri === "bad") throw new Error("no such thing");
      open.set(uri, onChange);
      return { close: () => void open.delete(uri) };
    },
  };
  return { resources, open };
}

test("a change is told at once, and those of the pause after it together [resource.watch]", async () => {
  const { resources, open } = watchable();
  const told: string[] = [];
  const subscriptions = new Subscriptions(resources, CALLER, (uri) => void told.push(uri));
  await subscriptions.add("a");
  for (let change = 0; change < 100; change++) open.get("a")?.();
  expect(told).toEqual(["a"]);
  await Bun.sleep(350);
  expect(told).toEqual(["a", "a"]);
  await Bun.sleep(350);
  expect(told).toEqual(["a", "a"]);
  subscriptions.close();
});

test("twice the same is watched once, and what cannot be watched leaves nothing [resource.watch]", async () => {
  const { resources, open } = watchable(5);
  const subscriptions = new Subscriptions(resources, CALLER, () => {});
  await Promise.all([subscriptions.add("a"), subscriptions.add("a")]);
  expect(subscriptions.add("bad")).rejects.toThrow("no such thing");
  expect([subscriptions.size, open.size]).toEqual([1, 1]);
  subscriptions.remove("a");
  subscriptions.remove("never");
  expect([subscriptions.size, open.size]).toEqual([0, 0]);
});

test("what is still being begun when all ends is closed as soon as it is there [resource.watch]", async () => {
  const { resources, open } = watchable(30);
  const told: string[] = [];
  const subscriptions = new Subscriptions(resources, CALLER, (uri) => void told.push(uri));
  const adding = [subscriptions.add("a"), subscriptions.add("b")];
  subscriptions.remove("a");
  subscriptions.close();
  await Promise.all(adding);
  await subscriptions.add("late");
  expect([subscriptions.size, open.size, told]).toEqual([0, 0, []]);
});
