/** Back pressure on a child's streams, as a remote Podman's `exec` needs it. */
import { expect, test } from "bun:test";
import { PipeWriter, Valve } from "../../src/podman/pipe.ts";
import { spawn } from "../../src/runtime.ts";

const CHUNK = new Uint8Array(256 * 1024).fill(120);

test("what a child does not read makes the sender wait, and all of it arrives in order [host.remote]", async () => {
  const child = spawn(["/bin/sh", "-c", "read go; sleep 0.3; wc -c"], { stdin: "pipe" });
  const writer = new PipeWriter(child);
  expect(writer.send(new TextEncoder().encode("go\n"))).toBe(true);
  const answers = Array.from({ length: 16 }, () => writer.send(CHUNK));
  expect(answers).toContain(false);
  let isDrained = false;
  const draining = writer.drained().then(() => (isDrained = true));
  await Bun.sleep(50);
  expect(isDrained).toBe(false);
  await draining;
  writer.end();
  expect((await new Response(child.stdout).text()).trim()).toBe(String(16 * CHUNK.length));
  expect(await child.exited).toBe(0);
}, 10_000);

test("a child that ends keeps no sender waiting [host.remote]", async () => {
  const child = spawn(["/bin/sh", "-c", "sleep 0.1"], { stdin: "pipe" });
  const writer = new PipeWriter(child);
  for (let sent = 0; sent < 16; sent++) writer.send(CHUNK);
  await writer.drained();
  expect(await child.exited).toBe(0);
  expect(() => writer.send(CHUNK)).not.toThrow();
}, 10_000);

test("a closed valve holds its reader until it is opened, however often it is turned [host.remote]", async () => {
  const valve = new Valve();
  valve.close();
  valve.close();
  const opened = valve.opened().then(() => "opened");
  expect(await Promise.race([opened, Bun.sleep(20)])).toBeUndefined();
  valve.open();
  expect(await opened).toBe("opened");
  expect(valve.isClosed).toBe(false);
});
