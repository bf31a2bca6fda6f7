import { arch, platform } from "node:process";
import manifest from "../../package.json" with { type: "json" };
import { AGENT_MACHINES, isCompiled, readAgent, runtimeName, type AgentMachine } from "../runtime.ts";
import { defineVerb, jsonFlag } from "./command.ts";

/** Set by build.ts; undefined when run from source. */
declare const PODEXEC_COMMIT: string | undefined;

/** `podexec version`: the version alone, or with `--json` what this executable is made of. */
export const version = defineVerb({
  args: { json: jsonFlag },
  async run({ args, io }) {
    const answer = {
      version: manifest.version,
      commit: commit(),
      runtime: { name: runtimeName, version: process.versions[runtimeName], compiled: isCompiled },
      platform: `${platform}-${arch}`,
      agent: AGENT_MACHINES.filter(hasAgent),
    };
    await io.stdout.write(args.json ? `${JSON.stringify(answer)}\n` : `podexec ${answer.version}\n`);
  },
});

function commit(): string | null {
  return typeof PODEXEC_COMMIT === "string" ? PODEXEC_COMMIT : null;
}

function hasAgent(machine: AgentMachine): boolean {
  try {
    return readAgent(machine).length > 0;
  } catch {
    return false;
  }
}
