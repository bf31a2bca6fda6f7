/** MCP 2026-07-28: no sessions, a server for one request. The only file that knows the server of the SDK's second version. */
import {
  createMcpHandler,
  isLegacyRequest,
  Server,
  type AuthInfo,
  type CallToolResult,
  type ListToolsResult,
  type McpHttpHandler,
  type McpRequestContext,
  type ServerContext,
  type ServerEventBus,
  type Transport,
} from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { Caller } from "../sandbox/owners/registry.ts";
import { callTool, meaningOfCut } from "./calls.ts";
import { completionOf } from "./resources/completion.ts";
import { ResourceNotFound } from "./failure.ts";
import type { Lane } from "./lane.ts";
import { Listening, listensToResources, watchWanted, type ListenRequest } from "./resources/listening.ts";
import type { Offer } from "./offer.ts";
import type { Resources } from "./resources/resources.ts";
import { Subscriptions } from "./resources/subscriptions.ts";
import type { ToolContext } from "./tool.ts";

/** Milliseconds for which a client may keep what does not change while the server runs. */
const STEADY_MS = 300_000;
const STEADY = { ttlMs: STEADY_MS, cacheScope: "public" } as const;
const FLEETING = { ttlMs: 0, cacheScope: "private" } as const;

/** How the client of a request cancels it. */
type Cancelling = "by-closing" | "by-message";

/**
 * A server for one request over HTTP, or for one client over stdio.
 *
 * @param cancelling `by-closing`: the end of the response's stream is the cancellation
 */
function createModernServer(caller: Caller, offer: Offer, cancelling: Cancelling): Server {
  const { instructions, table, resources, log } = offer;
  const capabilities = { tools: {}, resources: { subscribe: true }, completions: {} };
  // It stands in every result of this era: icons would outweigh most of them.
  const { icons: _, ...info } = offer.info;
  const server = new Server(info, {
    capabilities,
    instructions,
    cacheHints: {
      "tools/list": STEADY,
      "server/discover": STEADY,
      "resources/templates/list": STEADY,
      "resources/list": FLEETING,
      "resources/read": FLEETING,
    },
  });
  server.setRequestHandler("tools/list", () => ({ tools: table.listing as ListToolsResult["tools"] }));
  server.setRequestHandler("tools/call", async ({ params }, extra) => {
    const cancelMeans = cancelling === "by-closing" ? meaningOfCut(params.arguments) : "end";
    const context = contextOf(caller, offer, { extra, cancelMeans });
    return (await callTool(table, params, { context, log })) as CallToolResult;
  });
  serveResources(server, caller, resources);
  return server;
}

function contextOf(
  caller: Caller,
  { services }: Offer,
  { extra, cancelMeans }: { extra: ServerContext; cancelMeans: ToolContext["cancelMeans"] },
): ToolContext {
  const { signal, _meta, notify } = extra.mcpReq;
  const token = _meta?.progressToken;
  return {
    caller,
    signal,
    cancelMeans,
    services,
    progress(progress, message) {
      if (token === undefined || signal.aborted) return;
      notify({ method: "notifications/progress", params: { progressToken: token, progress, message } }).catch(() => {});
    },
  };
}

function serveResources(server: Server, caller: Caller, resources: Resources): void {
  server.setRequestHandler("resources/list", async ({ params }) => ({
    ...(await resources.list(caller, params?.cursor)),
  }));
  server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates: [...resources.templates] }));
  server.setRequestHandler("resources/read", async ({ params }, { mcpReq }) => {
    try {
      return { contents: await resources.read(caller, params.uri, mcpReq.signal) };
    } catch (error) {
      throw error instanceof ResourceNotFound ? error.modern() : error;
    }
  });
  server.setRequestHandler("completion/complete", async ({ params }) => ({
    completion: { ...(await completionOf(resources, caller, params)) },
  }));
}

/** The modern side of the HTTP endpoint. */
export class ModernHttp {
  readonly #offer: Offer;
  readonly #handler: McpHttpHandler;
  /** One for each listening stream, so that nobody hears of what is another's. */
  readonly #listening = new Set<McpHttpHandler>();

  constructor(offer: Offer) {
    this.#offer = offer;
    this.#handler = this.#createHandler();
  }

  /**
   * Answers one request with a stream, or with the error that the protocol has for it. The end of the stream cancels
   * what runs.
   *
   * @param body of the request, parsed
   */
  handle(request: Request, body: unknown, principal: string): Promise<Response> {
    const authInfo = { token: "", clientId: principal, scopes: [] };
    if (listensToResources(body)) return this.#listen(request, body, authInfo);
    return this.#handler.fetch(request, { parsedBody: body, authInfo });
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#handler, ...this.#listening].map((handler) => handler.close()));
  }

  #createHandler(bus?: ServerEventBus): McpHttpHandler {
    const factory = ({ authInfo }: McpRequestContext) =>
      createModernServer(callerOf(authInfo), this.#offer, "by-closing");
    return createMcpHandler(factory, {
      legacy: "reject",
      responseMode: "sse",
      onerror: (error) => this.#offer.log.debug(`MCP 2026-07-28: ${error.message}`),
      ...(bus ? { bus } : {}),
    });
  }

  async #listen(request: Request, body: ListenRequest, authInfo: AuthInfo): Promise<Response> {
    let tell: (uri: string) => void = () => {};
    const subscriptions = new Subscriptions(this.#offer.resources, callerOf(authInfo), (uri) => tell(uri));
    const end = () => {
      subscriptions.close();
      this.#listening.delete(handler);
    };
    const bus: ServerEventBus = {
      publish() {},
      subscribe(listener) {
        tell = (uri) => listener({ kind: "resource_updated", uri });
        return end;
      },
    };
    const handler = this.#createHandler(bus);
    this.#listening.add(handler);
    const parsedBody = await watchWanted(body, subscriptions);
    const response = await handler.fetch(request, { parsedBody, authInfo });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (!isStream) end();
    return response;
  }
}

/** There are no sessions: every call says which sandbox it is for, or gets a new one. */
function callerOf(authInfo: AuthInfo | undefined): Caller {
  return { principal: authInfo?.clientId ?? "", session: undefined };
}

/** Whether a request is of the 2026-07-28 revision, or pretends to be. @param body of the request, parsed */
export async function isModern(request: Request, body: unknown): Promise<boolean> {
  return !(await isLegacyRequest(request, body));
}

/** The modern side of stdio: serves one client until it is closed. */
export function serveModern(lane: Lane, caller: Caller, offer: Offer): { close(): Promise<void> } {
  let server: Server | undefined;
  const { resources, log } = offer;
  const subscriptions =
    resources &&
    new Subscriptions(resources, caller, (uri) => void server?.sendResourceUpdated({ uri }).catch(() => {}));
  if (subscriptions) watchFor(lane, new Listening(subscriptions));
  const factory = () => (server = createModernServer(caller, offer, "by-message"));
  const onerror = (error: Error) => log.debug(`stdio: ${error.message}`);
  const handle = serveStdio(factory, { legacy: "reject", transport: lane as Transport, onerror });
  return {
    async close() {
      subscriptions.close();
      await handle.close();
    },
  };
}

/** Sees to it that what the server is asked to listen to is watched. */
function watchFor(lane: Lane, listening: Listening): void {
  lane.intercept = (message) => {
    if (listensToResources(message)) {
      void listening.begin(message).then((honoured) => honoured && lane.pass(honoured));
      return true;
    }
    const cancelled = message.method === "notifications/cancelled" ? message.params?.["requestId"] : undefined;
    if (typeof cancelled === "string" || typeof cancelled === "number") listening.end(cancelled);
    return false;
  };
}
