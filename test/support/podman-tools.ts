/** The podman tools over this host's real Podman, called by the SDK's client. */
import { afterAll } from "bun:test";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { PodmanManager, type ManagerOptions } from "../../src/podman/manage/manager.ts";
import { STRICT, type Policy } from "../../src/podman/manage/policy.ts";
import { connect, openApp } from "./mcp-app.ts";
import { podman, testHost, toolImage } from "./sandboxes.ts";

/** On everything that these tests make. */
export const TEST_LABELS = { "podexec.test": "1" };

export type Answer = CallToolResult & { structuredContent: Record<string, unknown> };

export interface Tools {
  /** Calls a tool. */
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Answer>;
  /** The failure's code, or none. */
  codeOf(name: string, args?: Record<string, unknown>): Promise<unknown>;
  /** Runs a container that sleeps, or does what `changes` say, and returns its name. */
  sleeper(changes?: Record<string, unknown>): Promise<string>;
  names(): Promise<string[]>;
}

interface CallOptions {
  signal?: AbortSignal;
  onprogress?: (progress: { message?: string | undefined }) => void;
}

let count = 0;

/** A name that is this test's own. */
export function ownName(what = "c"): string {
  return `podexec-tools-${process.pid}-${what}${++count}`;
}

/** To be called at the top of a test file: opens the tools and removes afterwards what they made. */
export async function openTools(policy: Partial<Policy> = {}, more: Partial<ManagerOptions> = {}): Promise<Tools> {
  const host = await testHost();
  const manager = new PodmanManager({ ...host, policy: { ...STRICT, ...policy }, outputBytes: 65_536, ...more });
  const selection = { toolsets: ["podman" as const], tools: [], readOnly: false, destructive: true };
  const app = openApp({ podman: manager, selection });
  const { client } = await connect(app);
  afterAll(async () => {
    await client.close();
    await app.close();
    const mine = `name=^podexec-tools-${process.pid}-`;
    const left = (await podman(["ps", "--all", "--quiet", "--filter", mine])).split("\n").filter(Boolean);
    if (left.length > 0) await podman(["rm", "--force", "--volumes", "--time", "0", ...left]);
  }, 60_000);
  const call: Tools["call"] = async (name, args = {}, options = {}) =>
    (await client.callTool({ name, arguments: args }, undefined, { timeout: 120_000, ...options })) as Answer;
  return {
    call,
    codeOf: async (name, args) => (await call(name, args)).structuredContent["code"],
    names: async () => (await client.listTools()).tools.map(({ name }) => name),
    async sleeper(changes = {}) {
      const name = ownName();
      const command = ["sleep", "300"];
      const args = { image: toolImage, name, command, network: "none", labels: TEST_LABELS, ...changes };
      const { isError, structuredContent } = await call("podman_run", args);
      if (isError) throw new Error(JSON.stringify(structuredContent));
      return name;
    },
  };
}
