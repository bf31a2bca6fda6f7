/** Calls of tools: arguments are checked, the tool runs, and whatever comes of it becomes a result. Knows no SDK. */
import { z } from "zod";
import { PodexecError, toPodexecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { ProtocolFailure, RPC_INVALID_PARAMS } from "./failure.ts";
import { iconsOf, type Icon } from "./icons.ts";
import type { Attachment, Tool, ToolAnswer, ToolContext } from "./tool.ts";

/** A tool as `tools/list` shows it. */
export interface ListedTool {
  name: string;
  title: string;
  description: string;
  icons: Icon[];
  inputSchema: ObjectSchema;
  outputSchema: ObjectSchema;
  annotations: Tool["annotations"] & { title: string };
}

type ObjectSchema = { type: "object" } & Record<string, unknown>;

export interface ToolResult {
  content: ({ type: "text"; text: string } | Attachment)[];
  structuredContent: Record<string, unknown>;
  isError?: boolean;
}

/** The tool table, ready to be listed and called. */
export interface ToolTable {
  listing: ListedTool[];
  byName: ReadonlyMap<string, Tool>;
}

/** How much is told about wrong arguments, and about each. */
const MAX_PROBLEMS = 10;
const MAX_PROBLEM = 300;

/** What a result carries in place of its own structure where podexec could not do what was asked. */
const FAILURE = z
  .object({
    code: z.string().describe("What kind of failure, such as SANDBOX_GONE."),
    message: z.string(),
    data: z.object({
      details: z.string().optional().describe("What the failing program said."),
      hint: z.string().optional().describe("What to do next."),
    }),
  })
  .describe("podexec could not do what was asked.");

/** Makes the table: the schemas are written once, here. */
export function toolTable(tools: readonly Tool[]): ToolTable {
  const listing = tools.map((tool) => ({
    name: tool.name,
    title: tool.title,
    description: tool.description,
    icons: iconsOf(tool.name),
    inputSchema: jsonSchema(tool.input, "input"),
    outputSchema: {
      $schema: JSON_SCHEMA,
      type: "object" as const,
      anyOf: [withoutDialect(jsonSchema(tool.output, "output")), withoutDialect(jsonSchema(FAILURE, "output"))],
    },
    annotations: { title: tool.title, ...tool.annotations },
  }));
  return { listing, byName: new Map(tools.map((tool) => [tool.name, tool])) };
}

/**
 * Calls a tool.
 *
 * @returns its result, or the failure as a result with `isError`
 * @throws ProtocolFailure where there is no such tool
 */
export async function callTool(
  table: ToolTable,
  request: { name: string; arguments?: unknown },
  { context, log }: { context: ToolContext; log: Log },
): Promise<ToolResult> {
  const tool = table.byName.get(request.name);
  if (!tool) {
    const known = [...table.byName.keys()].join(", ");
    throw new ProtocolFailure(RPC_INVALID_PARAMS, `unknown tool ${request.name.slice(0, 100)}; there are: ${known}`);
  }
  const call = new AbortController();
  const abort = () => call.abort(context.signal.reason);
  if (context.signal.aborted) abort();
  else context.signal.addEventListener("abort", abort);
  try {
    return toResult(await tool.run(parseInput(tool, request.arguments ?? {}), { ...context, signal: call.signal }));
  } catch (thrown) {
    return toFailure(toPodexecError(thrown), log);
  } finally {
    // An SDK may abort its signal when all is over, too.
    context.signal.removeEventListener("abort", abort);
  }
}

/**
 * What the end of a request's connection asks for where that is how a client cancels: with an idempotency key the
 * client can come back for the result.
 */
export function meaningOfCut(input: unknown): ToolContext["cancelMeans"] {
  const hasKey = typeof input === "object" && input !== null && "idempotency_key" in input;
  return hasKey && input.idempotency_key !== undefined ? "detach" : "end";
}

function parseInput(tool: Tool, input: unknown): z.infer<Tool["input"]> {
  const parsed = tool.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "arguments"}: ${messageOf(issue)}`);
  const told = problems.slice(0, MAX_PROBLEMS).map((problem) => problem.slice(0, MAX_PROBLEM));
  const more = problems.length > told.length ? `; and ${problems.length - told.length} more` : "";
  const unknown = parsed.error.issues.some(({ code, path }) => code === "unrecognized_keys" && path.length === 0);
  const extras = unknown ? { hint: `${tool.name} takes: ${Object.keys(tool.input.shape).join(", ")}.` } : {};
  throw new PodexecError("INVALID_PARAMS", `${tool.name}: ${told.join("; ")}${more}`, extras);
}

/** What is wrong with a field; where it may have several shapes, with each. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_key") return issue.issues.map(messageOf).join(", ");
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue.message;
  const shapes = issue.errors.map((problems) =>
    problems.map((problem) => [...problem.path, ""].join(": ") + messageOf(problem)).join(", "),
  );
  return [...new Set(shapes)].join("; or ");
}

function toResult({ text, attachments = [], structured, isError }: ToolAnswer<Record<string, unknown>>): ToolResult {
  const hasText = text !== "" || attachments.length === 0;
  return {
    content: [...(hasText ? [{ type: "text" as const, text }] : []), ...attachments],
    structuredContent: structured,
    ...(isError ? { isError: true } : {}),
  };
}

/** What podexec could not do: a code, what happened, what to do. */
function toFailure({ code, message, details, hint, cause }: PodexecError, log: Log): ToolResult {
  if (code === "INTERNAL") log.error("internal error", cause ?? message);
  const text = [`${code}: ${message}`, details, hint].filter(Boolean).join("\n");
  const data = { ...(details ? { details } : {}), ...(hint ? { hint } : {}) };
  return { content: [{ type: "text", text }], structuredContent: { code, message, data }, isError: true };
}

const JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema";

function jsonSchema(schema: z.ZodType, io: "input" | "output"): ObjectSchema {
  return z.toJSONSchema(schema, { io, target: "draft-2020-12" }) as ObjectSchema;
}

/** The dialect stands at the root of a schema only. */
function withoutDialect(schema: ObjectSchema): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => keyword !== "$schema"));
}
