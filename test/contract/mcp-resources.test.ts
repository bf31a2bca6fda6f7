/** Files of sandboxes as resources, in both eras. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { connect, openApp } from "../support/mcp-app.ts";
import { connectModern, modern, MODERN } from "../support/mcp-modern.ts";
import { until } from "../support/sandboxes.ts";

const app = openApp({ limit: 40 });
const folder = mkdtempSync(join(tmpdir(), "podexec-resources-"));
let old: Client;
let client: Awaited<ReturnType<typeof connectModern>>;
let sandbox: string;

beforeAll(async () => {
  ({ client: old } = await connect(app));
  client = await connectModern(app.fetch, { pin: MODERN });
  const make = `cd ${folder}; printf 'one\\n' > a.txt; printf '\\211PNG\\0' > b.png; mkdir -p 'sub dir'; : > 'sub dir/c d'; head -c 1048577 /dev/zero > big; head -c 1048576 /dev/zero | tr '\\0' x > full`;
  const { structuredContent } = await client.callTool({ name: "shell_exec", arguments: { command: make } });
  ({ sandbox } = structuredContent as { sandbox: string });
});
afterAll(async () => {
  await Promise.all([old.close(), client.close()]);
  await app.close();
  rmSync(folder, { recursive: true });
});

const uriOf = (path: string) => `sandbox://${sandbox}${path.split("/").map(encodeURIComponent).join("/")}`;
const EITHER: [string, () => Pick<Client, "readResource">][] = [
  ["2025-11-25", () => old],
  ["2026-07-28", () => client],
];

describe.each(EITHER)("in the era of %s", (era, by) => {
  const read = async (path: string) => (await by().readResource({ uri: uriOf(path) })).contents[0];

  test("a text is read as text, with its type [resource.read]", async () => {
    const uri = uriOf(`${folder}/a.txt`);
    expect(await read(`${folder}/a.txt`)).toEqual({ uri, mimeType: "text/plain", text: "one\n" });
  });

  test("bytes are read as base64 [resource.read]", async () => {
    expect(await read(`${folder}/b.png`)).toMatchObject({ mimeType: "image/png", blob: btoa("\x89PNG\0") });
  });

  test("a folder is read as its names, and a name may hold anything [resource.read]", async () => {
    const { text } = (await read(folder)) as { text: string };
    expect(text).toBe("a.txt\nb.png\nbig\nfull\nsub dir/");
    expect(await read(`${folder}/sub dir/c d`)).toMatchObject({ text: "" });
  });

  test("a file of exactly the bound is read, one byte more names file_read [resource.read]", async () => {
    expect(((await read(`${folder}/full`)) as { text: string }).text.length).toBe(1_048_576);
    expect(read(`${folder}/big`)).rejects.toThrow(/1048577 bytes.*file_read/);
  });

  test.each([
    ["is not there", () => uriOf("/no/such")],
    ["is in a sandbox that never was", () => `sandbox://sbx_${"0".repeat(32)}/etc/passwd`],
    ["has another scheme", () => "file:///etc/passwd"],
    ["has a broken escape", () => `sandbox://${sandbox}/%zz`],
    ["has a NUL", () => `sandbox://${sandbox}/etc%00/passwd`],
  ])("what %s is not found, with the era's own code [resource.read]", async (_, uri) => {
    const error = await by()
      .readResource({ uri: uri() })
      .catch((thrown: { code: number; data: unknown }) => thrown);
    expect(error).toMatchObject({ code: era === MODERN ? -32602 : -32002, data: { uri: expect.any(String) } });
  });

  test("a FIFO and a device are refused at once, not waited for [resource.read]", async () => {
    Bun.spawnSync(["mkfifo", join(folder, "fifo")]);
    expect(read(`${folder}/fifo`)).rejects.toThrow();
    expect(read("/dev/zero")).rejects.toThrow();
    rmSync(join(folder, "fifo"));
  });
});

test("another principal's file is as unknown as one that never was [own.foreign]", async () => {
  const as = async (request: Request) => {
    request.headers.set("x-principal", "bob");
    return app.fetch(request);
  };
  const bob = await connectModern(as, { pin: MODERN });
  const error = (uri: string) =>
    bob.readResource({ uri }).then(
      () => "",
      (thrown: Error) => thrown.message,
    );
  const unknown = `sbx_${"0".repeat(32)}`;
  const foreign = await error(uriOf(`${folder}/a.txt`));
  expect(foreign).toContain(sandbox);
  expect(foreign.replaceAll(sandbox, unknown)).toBe(await error(uriOf(`${folder}/a.txt`).replace(sandbox, unknown)));
  expect((await bob.listResources()).resources).toEqual([]);
  await bob.close();
});

test("asking for resources makes no sandbox, and an empty list is no error [resource.list]", async () => {
  const other = openApp();
  const { client: fresh } = await connect(other);
  expect((await fresh.listResources()).resources).toEqual([]);
  expect((await fresh.listResourceTemplates()).resourceTemplates).toMatchObject([
    { uriTemplate: "sandbox://{sandbox}/{+path}" },
  ]);
  expect(other.host.created).toBe(0);
  await fresh.close();
  await other.close();
});

test("the sandboxes are listed in pages, each file with a URI that can be read [resource.list]", async () => {
  const make = (name: string) =>
    client.callTool({
      name: "shell_exec",
      arguments: { command: `touch ${name}; echo ${name}`, idempotency_key: name },
    });
  await Promise.all(Array.from({ length: 11 }, (_, index) => make(`page-${index}`)));
  const seen: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page = await old.listResources(cursor === undefined ? {} : { cursor });
    seen.push(...page.resources.map(({ uri }) => uri));
    cursor = page.nextCursor;
    pages++;
  } while (cursor !== undefined);
  expect(pages).toBe(2);
  expect(new Set(seen).size).toBe(seen.length);
  const uri = seen.find((each) => each.endsWith("/page-3")) ?? "";
  expect((await old.readResource({ uri })).contents).toMatchObject([{ uri, text: "" }]);
}, 20_000);

test("a cursor that this server never gave is -32602 [resource.list]", async () => {
  expect(old.listResources({ cursor: "nonsense" })).rejects.toMatchObject({ code: -32602 });
});

describe("completion", () => {
  const ref = { type: "ref/resource" as const, uri: "sandbox://{sandbox}/{+path}" };
  const complete = async (name: string, value: string, known: Record<string, string> = {}) => {
    const asked = { ref, argument: { name, value }, context: { arguments: known } };
    const [first, second] = await Promise.all([old.complete(asked), client.complete(asked)]);
    expect(first.completion.values).toEqual(second.completion.values);
    return first.completion;
  };

  test("of {sandbox} knows the caller's handles [resource.complete]", async () => {
    expect((await complete("sandbox", sandbox.slice(0, 20))).values).toEqual([sandbox]);
    expect((await complete("sandbox", "sbx_nope")).values).toEqual([]);
  });

  test("of {path} knows what a folder holds [resource.complete]", async () => {
    const inside = folder.slice(1);
    expect((await complete("path", `${inside}/`, { sandbox })).values).toContain(`${inside}/sub dir/`);
    expect((await complete("path", `${inside}/a`, { sandbox })).values).toEqual([`${inside}/a.txt`]);
    expect((await complete("path", "no/such/", { sandbox })).values).toEqual([]);
    expect((await complete("path", "etc/", {})).values).toEqual([]);
    for (let index = 0; index < 150; index++) writeFileSync(join(folder, `many ${index}`), "");
    const many = await complete("path", `${inside}/many`, { sandbox });
    expect(many.values.length).toBe(100);
    expect(many.hasMore).toBe(true);
  });

  test("of what is no template is -32602 [resource.complete]", async () => {
    const asked = { ref: { type: "ref/prompt" as const, name: "x" }, argument: { name: "a", value: "" } };
    expect(old.complete(asked)).rejects.toMatchObject({ code: -32602 });
  });
});

describe("a subscription", () => {
  const updates = (what: string) => ({ method: "notifications/resources/updated", params: { uri: uriOf(what) } });

  test("of a session hears of each change within its pause, until it unsubscribes [resource.watch]", async () => {
    const heard: string[] = [];
    old.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri));
    const file = join(folder, "watched");
    writeFileSync(file, "0");
    await old.subscribeResource({ uri: uriOf(file) });
    for (let change = 1; change <= 40; change++) {
      writeFileSync(file, String(change));
      await Bun.sleep(10);
    }
    await until("the last change is told", () => heard.length >= 2);
    await Bun.sleep(400);
    expect(heard.length).toBeLessThan(8);
    expect(new Set(heard)).toEqual(new Set([uriOf(file)]));
    await old.unsubscribeResource({ uri: uriOf(file) });
    const told = heard.length;
    writeFileSync(file, "after");
    await Bun.sleep(400);
    expect(heard.length).toBe(told);
  });

  test("of what is not there is refused, and one session may have so many only [resource.watch]", async () => {
    expect(old.subscribeResource({ uri: uriOf("/no/such") })).rejects.toMatchObject({ code: -32002 });
    const many = Array.from({ length: 65 }, (_, index) => join(folder, `many-${index}`));
    for (const path of many) writeFileSync(path, "");
    const tried = await Promise.allSettled(many.map((path) => old.subscribeResource({ uri: uriOf(path) })));
    const refused = tried.filter(({ status }) => status === "rejected");
    expect(refused.map((each) => String((each as PromiseRejectedResult).reason))).toEqual([
      expect.stringMatching(/at most 64 resources/),
    ]);
    await Promise.all(many.slice(0, 64).map((path) => old.unsubscribeResource({ uri: uriOf(path) })));
  });

  /** Opens a listening stream and gathers its messages. */
  async function listen(uris: string[], headers: Record<string, string> = {}) {
    const closing = new AbortController();
    const params = { notifications: { resourceSubscriptions: uris } };
    const response = await app.fetch(modern("subscriptions/listen", params, { id: "l", headers }));
    const messages: { method?: string; id?: unknown; params?: Record<string, unknown> }[] = [];
    const reader = response.body?.getReader();
    const reading = (async () => {
      for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
        const text = new TextDecoder().decode(read.value);
        messages.push(...[...text.matchAll(/^data: (.+)$/gm)].map(([, data = ""]) => JSON.parse(data)));
      }
    })();
    closing.signal.addEventListener("abort", () => void reader?.cancel());
    await until("it is acknowledged", () => messages.length > 0);
    return { messages, reading, close: () => closing.abort() };
  }

  test("that listens hears of its files after the acknowledgement, with its id [era.listen]", async () => {
    const file = join(folder, "listened");
    writeFileSync(file, "0");
    const stream = await listen([uriOf(file), uriOf("/no/such"), "nonsense"]);
    expect(stream.messages[0]).toMatchObject({
      method: "notifications/subscriptions/acknowledged",
      params: { notifications: { resourceSubscriptions: [uriOf(file)] } },
    });
    writeFileSync(file, "1");
    await until("the change is told", () => stream.messages.length > 1);
    expect(stream.messages[1]).toMatchObject(updates(file));
    expect(stream.messages[1]?.params).toMatchObject({ _meta: { "io.modelcontextprotocol/subscriptionId": "l" } });
    stream.close();
    await until("nothing is under way", () => app.modern.running === 0);
  });

  test("hears nothing of a file that is not its principal's, however well it knows the name [era.listen]", async () => {
    const file = join(folder, "private");
    writeFileSync(file, "0");
    const own = await listen([uriOf(file)]);
    const foreign = await listen([uriOf(file)], { "x-principal": "bob" });
    writeFileSync(file, "1");
    await until("the owner is told", () => own.messages.length > 1);
    await Bun.sleep(100);
    expect(foreign.messages[0]).toMatchObject({
      method: "notifications/subscriptions/acknowledged",
      params: { notifications: {} },
    });
    expect(foreign.messages.filter(({ method }) => method === "notifications/resources/updated")).toEqual([]);
    expect(JSON.stringify(foreign.messages)).not.toContain("private");
    own.close();
    foreign.close();
    await until("nothing is under way", () => app.modern.running === 0);
  });

  test("of the SDK's client works through its own listen [era.listen]", async () => {
    const heard: string[] = [];
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.push(params.uri));
    const file = join(folder, "by-client");
    writeFileSync(file, "0");
    const listening = await client.listen({ resourceSubscriptions: [uriOf(file)] });
    writeFileSync(file, "1");
    await until("the change is told", () => heard.includes(uriOf(file)));
    await listening.close();
  });
});
