import { expect, test } from "bun:test";
import { CANCELLED, RecentEvents } from "../../src/http/events.ts";

const answer = (id: number, text = "") => ({ jsonrpc: "2.0" as const, id, result: { text } });
const progress = { jsonrpc: "2.0" as const, method: "notifications/progress" };

async function replayed(events: RecentEvents, lastId: string) {
  const sent: unknown[] = [];
  const stream = await events.replayEventsAfter(lastId, { send: async (id, message) => void sent.push([id, message]) });
  return { stream, sent };
}

test("a stream is running until its answer, which is told once [exec.cut]", async () => {
  const events = new RecentEvents();
  const first = await events.storeEvent("s", progress);
  expect(events.after(first)).toBe("running");
  const last = await events.storeEvent("s", answer(1));
  expect(events.after(first)).toMatchObject({ id: last, message: answer(1) });
  expect(events.after(last)).toBeUndefined();
});

test("a replay sends the answer of its own stream and nothing of others [exec.cut]", async () => {
  const events = new RecentEvents();
  const mine = await events.storeEvent("a_b", progress);
  await events.storeEvent("other", answer(2));
  const last = await events.storeEvent("a_b", answer(1));
  expect(await replayed(events, mine)).toEqual({ stream: "a_b", sent: [[last, answer(1)]] });
  expect((await replayed(events, last)).sent).toEqual([]);
});

test("a cancelled request has no answer to come back for [end.cancel]", async () => {
  const answered: unknown[] = [];
  const events = new RecentEvents((request) => answered.push(request));
  const first = await events.storeEvent("s", progress);
  await events.storeEvent("s", { jsonrpc: "2.0", id: "x", error: { code: CANCELLED, message: "" } });
  expect([events.after(first), answered, events.size]).toEqual([undefined, ["x"], 0]);
});

test("the newest answers stay, within a number and within bytes [input.isolated]", async () => {
  const events = new RecentEvents();
  for (let id = 1; id <= 5_000; id++) {
    await events.storeEvent(`s${id}`, progress);
    await events.storeEvent(`s${id}`, answer(id));
  }
  expect(events.size).toBe(256);
  expect(events.after("s5000_1")).toMatchObject({ message: answer(5_000) });
  expect(events.after("s1_1")).toBeUndefined();
  for (let id = 1; id <= 10; id++) await events.storeEvent(`big${id}`, answer(id, "x".repeat(300_000)));
  expect(events.size).toBe(3);
});

test("one answer above the bound is kept all the same, alone [exec.cut]", async () => {
  const events = new RecentEvents();
  await events.storeEvent("small", answer(1));
  await events.storeEvent("huge", answer(2, "x".repeat(2_000_000)));
  expect([events.size, events.after("small_0"), events.after("huge_0")]).toMatchObject([
    1,
    undefined,
    { id: "huge_2" },
  ]);
});

test("however much progress there is, a stream that still runs is not forgotten [exec.cut]", async () => {
  const events = new RecentEvents();
  const quiet = await events.storeEvent("quiet", progress);
  for (let count = 0; count < 10_000; count++) await events.storeEvent("loud", progress);
  expect([events.after(quiet), events.size]).toEqual(["running", 2]);
});

test.each(["", "_", "nonsense", "__proto___1", "constructor_1", "s_9"])(
  "%p was never an event [input.isolated]",
  (id) => {
    expect(new RecentEvents().after(id)).toBeUndefined();
  },
);
