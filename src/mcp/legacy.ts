/** MCP up to 2025-11-25: a server for one session. The only file that knows the server of the SDK's first version. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  CancelledNotificationSchema,
  CompleteRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
  type RequestId,
  type ServerNotification,
  type ServerRequest,
} from "@modelcontextprotocol/sdk/types.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import type { Caller } from "../sandbox/owners/registry.ts";
import { callTool } from "./calls.ts";
import type { Offer } from "./offer.ts";
import { completionOf } from "./resources/completion.ts";
import type { Resources } from "./resources/resources.ts";
import { Subscriptions } from "./resources/subscriptions.ts";
import type { ToolContext } from "./tool.ts";

export interface LegacyOptions {
  /** Called when a request was cancelled, with its id: its response stream is still open. */
  onCancelled?: (requestId: RequestId) => void;
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/**
 * A server for one caller; connect it to a transport.
 *
 * @param caller whose sandbox the tools use
 */
export function createLegacyServer(caller: Caller, offer: Offer, options: LegacyOptions = {}): Server {
  const { info, instructions, table, resources, log } = offer;
  const capabilities = { tools: {}, resources: { subscribe: true }, completions: {} };
  const server = new Server(info, { capabilities, instructions });
  passOnEveryCancel(server);
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: table.listing }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    extra.signal.addEventListener("abort", () => options.onCancelled?.(extra.requestId), { once: true });
    return { ...(await callTool(table, params, { context: contextOf(caller, offer, extra), log })) };
  });
  serveResources(server, caller, resources);
  return server;
}

function contextOf(caller: Caller, { services }: Offer, extra: Extra): ToolContext {
  const token = extra._meta?.progressToken;
  let isTelling = false;
  return {
    caller,
    signal: extra.signal,
    // A disconnect is no cancellation in this era: whoever cancels means it.
    cancelMeans: "end",
    services,
    progress(progress, message) {
      // A client that does not read is told no more until it does.
      if (token === undefined || extra.signal.aborted || isTelling) return;
      isTelling = true;
      const params = { progressToken: token, progress, message };
      // A client that went away gets the result when it resumes; its progress is nobody's loss.
      const told = extra.sendNotification({ method: "notifications/progress", params }).catch(() => {});
      void told.finally(() => (isTelling = false));
    },
  };
}

function serveResources(server: Server, caller: Caller, resources: Resources): void {
  const subscriptions = new Subscriptions(resources, caller, (uri) => {
    server.sendResourceUpdated({ uri }).catch(() => {});
  });
  const onclose = server.onclose;
  server.onclose = () => {
    subscriptions.close();
    onclose?.();
  };
  server.setRequestHandler(ListResourcesRequestSchema, async ({ params }) => ({
    ...(await resources.list(caller, params?.cursor)),
  }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [...resources.templates] }));
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params }, { signal }) => ({
    contents: await resources.read(caller, params.uri, signal),
  }));
  server.setRequestHandler(CompleteRequestSchema, async ({ params }) => ({
    completion: { ...(await completionOf(resources, caller, params)) },
  }));
  server.setRequestHandler(SubscribeRequestSchema, async ({ params }) => {
    await subscriptions.add(params.uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    subscriptions.remove(params.uri);
    return {};
  });
}

/** The SDK's own handler takes the request id 0 for none. */
function passOnEveryCancel(server: Server): void {
  server.setNotificationHandler(CancelledNotificationSchema, ({ params }) => {
    const { requestId, reason } = params;
    if (requestId !== undefined) server["_requestHandlerAbortControllers"].get(requestId)?.abort(reason);
  });
}
