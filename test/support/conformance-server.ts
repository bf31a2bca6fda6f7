/**
 * podexec's own transports, sessions, gates and servers of both eras, with the tools and resources that
 * `@modelcontextprotocol/conformance` expects instead of podexec's: what it finds here it would find in the product.
 */
import { z } from "zod";
import { createApp } from "../../src/http/app.ts";
import { hostNames } from "../../src/http/gates.ts";
import { ModernEndpoint } from "../../src/http/modern.ts";
import { Sessions } from "../../src/http/sessions.ts";
import { createLog } from "../../src/log.ts";
import { ResourceNotFound } from "../../src/mcp/failure.ts";
import { createOffer } from "../../src/mcp/offer.ts";
import type { ResourceContents, Resources } from "../../src/mcp/resources/resources.ts";
import { defineTool, type Services, type Tool, type ToolAnswer, type ToolContext } from "../../src/mcp/tool.ts";
import { listen } from "../../src/runtime.ts";

const IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const AUDIO = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

/** Keywords of JSON Schema 2020-12 that have to arrive as they are. */
const KEYWORDS = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object" as const,
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

type Answer = Pick<ToolAnswer<unknown>, "attachments"> & { text?: string };

const image = { type: "image", data: IMAGE, mimeType: "image/png" } as const;
const audio = { type: "audio", data: AUDIO, mimeType: "audio/wav" } as const;
const embedded = (uri: string, mimeType: string, text: string) =>
  ({ type: "resource", resource: { uri, mimeType, text } }) as const;

function tool(name: string, answer: (context: ToolContext) => Promise<Answer> | Answer): Tool {
  return defineTool({
    name,
    title: name,
    description: `The conformance suite's ${name}`,
    input: z.object({}),
    output: z.object({}),
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    async run(_, context) {
      const { text = "", attachments = [] } = await answer(context);
      return { structured: {}, text, attachments };
    },
  });
}

const TOOLS: readonly Tool[] = [
  tool("test_simple_text", () => ({ text: "This is a simple text response for testing." })),
  tool("test_image_content", () => ({ attachments: [image] })),
  tool("test_audio_content", () => ({ attachments: [audio] })),
  tool("test_embedded_resource", () => ({
    attachments: [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  })),
  tool("test_multiple_content_types", () => ({
    text: "Multiple content types test:",
    attachments: [
      image,
      embedded("test://mixed-content-resource", "application/json", JSON.stringify({ test: "data", value: 123 })),
    ],
  })),
  tool("test_tool_with_progress", async ({ progress }) => {
    for (const done of [0, 50, 100]) {
      progress(done, `Completed step ${done} of 100`);
      await Bun.sleep(50);
    }
    return { text: "done" };
  }),
  tool("test_streaming_elicitation", ({ progress }) => {
    progress(1, "Half of it");
    return { text: "All of it" };
  }),
  tool("test_logging_tool", () => ({ text: "Nothing is logged to clients." })),
  tool("json_schema_2020_12_tool", () => ({ text: "Whatever it is." })),
  tool("test_error_handling", () => {
    throw new Error("This tool intentionally returns an error for testing");
  }),
];

const STATIC: Record<string, ResourceContents> = {
  "test://static-text": {
    uri: "test://static-text",
    mimeType: "text/plain",
    text: "This is the content of the static text resource.",
  },
  "test://static-binary": { uri: "test://static-binary", mimeType: "image/png", blob: IMAGE },
  "test://watched-resource": {
    uri: "test://watched-resource",
    mimeType: "text/plain",
    text: "Watched resource content",
  },
};

const resources: Resources = {
  templates: [{ uriTemplate: "test://template/{id}/data", name: "template", title: "Template", description: "By id" }],
  list: async () => ({ resources: Object.keys(STATIC).map((uri) => ({ uri, name: uri })) }),
  async read(_, uri) {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
    const found = id ? { uri, mimeType: "application/json", text } : STATIC[uri];
    if (!found) throw new ResourceNotFound(uri, `there is no resource ${uri}`);
    return [found];
  },
  complete: async () => ({ values: ["1", "2"] }),
  watch: async () => ({ close() {} }),
};

/** Serves it on a free port of the loopback. */
export function serveFixtures() {
  const log = createLog("silent");
  // The tools of the suite need no sandbox.
  const services = {} as Services;
  const offer = createOffer({ version: "0", services, log, tools: TOOLS, resources });
  const schema = offer.table.listing.find(({ name }) => name === "json_schema_2020_12_tool");
  if (schema) schema.inputSchema = KEYWORDS;
  const modern = new ModernEndpoint(offer);
  const idle = { isBusy: () => false, onEnded: async () => {} };
  const sessions = new Sessions({ offer, limit: 100, idleMs: 60_000, log, ...idle });
  const hosts = hostNames(["localhost", "127.0.0.1"]);
  const policy = { hosts, anyHost: false, origins: new Set<string>(), token: undefined, bodyLimit: 4_194_304 };
  const fetch = createApp({ policy, sessions, modern, log, principalOf: () => "local" });
  const listener = listen({ hostname: "127.0.0.1", port: 0, fetch });
  const close = async () => {
    await modern.close();
    await sessions.close();
    await listener.stop();
  };
  return { url: `http://localhost:${listener.port}/mcp`, sessions, modern, fetch, close };
}

if (import.meta.main) console.log(serveFixtures().url);
