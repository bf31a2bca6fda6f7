/** The tool table as an MCP server for one session. The only file here that knows the SDK's server. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
  type CallToolResult,
  type ListToolsResult,
} from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { PodexecError, toPodexecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Caller } from "../sandbox/registry.ts";
import type { Services, Tool, ToolContext } from "./tool.ts";
import { tools } from "./tools/index.ts";

export interface McpOptions {
  version: string;
  services: Services;
  log: Log;
  /** Called when a request was cancelled, with its id: its response stream is still open. */
  onCancelled?: (requestId: string | number) => void;
}

/** How much is told about wrong arguments, and about each. */
const MAX_PROBLEMS = 10;
const MAX_PROBLEM = 300;

const INSTRUCTIONS =
  "podexec gives this conversation a Linux machine of its own: a Debian container with the usual tools, root inside, " +
  "isolated from the host. Use shell_exec for every command. Files, packages and background processes persist " +
  "between calls until the conversation ends. Work in /workspace. A result with a retval other than 0 is the " +
  "command's own answer, not a failure of the tool. Start servers in the background with `&`.";

/**
 * An MCP server for one caller; connect it to a transport.
 *
 * @param caller whose sandbox the tools use
 */
export function createMcpServer(caller: Caller, options: McpOptions): Server {
  const server = new Server(
    { name: "podexec", title: "podexec", version: options.version },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => listing);
  server.setRequestHandler(CallToolRequestSchema, async (request, extra) => {
    const token = extra._meta?.progressToken;
    let isTelling = false;
    const context: ToolContext = {
      caller,
      signal: extra.signal,
      services: options.services,
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
    extra.signal.addEventListener("abort", () => options.onCancelled?.(extra.requestId), { once: true });
    return callTool(request.params.name, request.params.arguments ?? {}, context, options.log);
  });
  return server;
}

const byName = new Map(tools.map((tool) => [tool.name, tool]));

const listing: ListToolsResult = {
  tools: tools.map((tool) => ({
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: jsonSchema(tool.input, "input") as ListToolsResult["tools"][number]["inputSchema"],
    outputSchema: jsonSchema(tool.output, "output") as ListToolsResult["tools"][number]["outputSchema"],
    annotations: { title: tool.title, ...tool.annotations },
  })),
};

async function callTool(name: string, input: unknown, context: ToolContext, log: Log): Promise<CallToolResult> {
  const tool = byName.get(name);
  if (!tool) {
    const known = tools.map((row) => row.name).join(", ");
    throw new McpError(ErrorCode.InvalidParams, `unknown tool ${name.slice(0, 100)}; there are: ${known}`);
  }
  try {
    const answer = await tool.run(parseInput(tool, input), context);
    return {
      content: [{ type: "text", text: answer.text }],
      structuredContent: answer.structured,
      ...(answer.isError ? { isError: true } : {}),
    };
  } catch (thrown) {
    return failure(toPodexecError(thrown), log);
  }
}

function parseInput(tool: Tool, input: unknown): z.infer<Tool["input"]> {
  const parsed = tool.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "arguments"}: ${issue.message}`);
  const told = problems.slice(0, MAX_PROBLEMS).map((problem) => problem.slice(0, MAX_PROBLEM));
  const more = problems.length > told.length ? `; and ${problems.length - told.length} more` : "";
  throw new PodexecError("INVALID_PARAMS", `${tool.name}: ${told.join("; ")}${more}`);
}

/** What podexec could not do: a code, what happened, what to do. */
function failure(error: PodexecError, log: Log): CallToolResult {
  if (error.code === "INTERNAL") log.error("internal error", error.cause ?? error);
  const text = [`${error.code}: ${error.message}`, error.details, error.hint].filter(Boolean).join("\n");
  return { content: [{ type: "text", text }], isError: true };
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): unknown {
  return z.toJSONSchema(schema, { io, target: "draft-2020-12" });
}
