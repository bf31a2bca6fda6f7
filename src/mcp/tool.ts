/** The shape of a tool: a row of the tool table. */
import type { z } from "zod";
import type { Caller, Registry } from "../sandbox/registry.ts";

/** What every tool call gets: who calls, how to be cancelled, whom to tell how far it is. */
export interface ToolContext {
  caller: Caller;
  /** Aborted when the client cancels the request or its session ends. */
  signal: AbortSignal;
  /** Tells the client how far the work is; does nothing where the client did not ask. */
  progress(done: number, message: string): void;
  services: Services;
}

/** What tools work on, put together once when the server starts. */
export interface Services {
  registry: Registry;
  limits: CommandLimits;
}

export interface CommandLimits {
  /** Milliseconds a command may take where the call does not say. */
  timeoutMs: number;
  /** Bytes of output in a result. */
  outputBytes: number;
}

export interface ToolAnswer<Structured> {
  structured: Structured;
  /** The same for a reader. */
  text: string;
  /** The tool could not do its work; the text says why. */
  isError?: boolean;
}

export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  name: string;
  title: string;
  description: string;
  input: Input;
  output: Output;
  annotations: {
    readOnlyHint: boolean;
    destructiveHint: boolean;
    idempotentHint: boolean;
    openWorldHint: boolean;
  };
  run(input: z.infer<Input>, context: ToolContext): Promise<ToolAnswer<z.infer<Output>>>;
}

/** A tool, with the types of its input and output inferred from their schemas. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
): Tool<Input, Output> {
  return tool;
}
