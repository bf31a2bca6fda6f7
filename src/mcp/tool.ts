/** The shape of a tool: a row of the tool table. */
import type { z } from "zod";
import type { PodmanManager } from "../podman/manage/manager.ts";
import type { Ports } from "../sandbox/ports.ts";
import type { Caller, Registry } from "../sandbox/owners/registry.ts";

/** What every tool call gets: who calls, how to be cancelled, whom to tell how far it is. */
export interface ToolContext {
  caller: Caller;
  /** Aborted when the client cancels the request or its session ends, before the tool has ended. */
  signal: AbortSignal;
  /**
   * What an aborted signal asks for: `end` the work, or `detach` from it, because the client's connection went away
   * and the call carries an idempotency key with which its repetition finds the work again.
   */
  cancelMeans: "end" | "detach";
  /** Tells the client how far the work is; does nothing where the client did not ask. */
  progress(done: number, message: string): void;
  services: Services;
}

/** What tools work on, put together once when the server starts. */
export interface Services {
  registry: Registry;
  limits: CommandLimits;
  ports: Ports;
  /** The host's containers, for the toolset `podman`; none where that is off. */
  podman?: PodmanManager;
  /** Values of the server's own configuration that no result tells. Default: none. */
  secrets?: readonly string[];
}

export interface CommandLimits {
  /** Milliseconds a command may take where the call does not say. */
  timeoutMs: number;
  /** Bytes of output in a result. */
  outputBytes: number;
}

/** What a result carries besides its text; `data` is base64. */
export type Attachment =
  | { type: "image" | "audio"; data: string; mimeType: string }
  | { type: "resource_link"; uri: string; name: string; mimeType?: string }
  | { type: "resource"; resource: { uri: string; mimeType: string } & ({ text: string } | { blob: string }) };

export interface ToolAnswer<Structured> {
  structured: Structured;
  /** The same for a reader; no text where it is empty and something is attached. */
  text: string;
  /** Follows the text. */
  attachments?: readonly Attachment[];
  /** The tool could not do its work; the text says why. */
  isError?: boolean;
}

/** Sandboxes of podexec's own, or the containers of the host. */
export const TOOLSETS = ["sandbox", "podman"] as const;
export type Toolset = (typeof TOOLSETS)[number];

export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  name: string;
  /** Which choice of the operator offers it; default `sandbox`. */
  toolset?: Toolset;
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
