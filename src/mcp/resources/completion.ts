/** `completion/complete`, as both eras have it. */
import type { Caller } from "../../sandbox/owners/registry.ts";
import { ProtocolFailure, RPC_INVALID_PARAMS } from "../failure.ts";
import type { Completion, Resources } from "./resources.ts";

/** The parameters of `completion/complete`, as far as they are looked at. */
export interface CompleteParams {
  ref: { type: string; uri?: string; name?: string };
  argument: { name: string; value: string };
  context?: { arguments?: Record<string, string> | undefined } | undefined;
}

/** MCP: at most so many values in an answer. */
const MAX_VALUES = 100;

/** What may stand for a variable of a template. @throws ProtocolFailure where there is no such template */
export async function completionOf(resources: Resources, caller: Caller, params: CompleteParams): Promise<Completion> {
  const { ref, argument, context } = params;
  const template = resources.templates.find(({ uriTemplate }) => uriTemplate === ref.uri);
  if (ref.type !== "ref/resource" || !template) {
    const known = resources.templates.map(({ uriTemplate }) => uriTemplate).join(", ");
    throw new ProtocolFailure(RPC_INVALID_PARAMS, `ref: only resource templates are completed; there are: ${known}`);
  }
  const question = { template: template.uriTemplate, variable: argument.name, value: argument.value };
  const { values, hasMore } = await resources.complete(caller, { ...question, known: context?.arguments ?? {} });
  return { values: values.slice(0, MAX_VALUES), hasMore: hasMore === true || values.length > MAX_VALUES };
}
