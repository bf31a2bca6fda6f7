import { PodexecError, toPodexecError } from "../errors.ts";
import { ownIpv4Addresses } from "../podman/addresses.ts";
import { imageExists } from "../podman/images.ts";
import { readFacts } from "../podman/host.ts";
import { Podman } from "../podman/client.ts";
import { AGENT_MACHINES, listen, readAgent } from "../runtime.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { isolationProbes, verdict } from "../sandbox/probes.ts";
import type { SandboxSpec } from "../sandbox/engine.ts";
import { defineVerb, jsonFlag, type Environment } from "./command.ts";
import { hostArgs, loadHostConfig, openEngine, openHost, type HostConfig } from "./host.ts";

interface Finding {
  status: "ok" | "warning" | "problem";
  says: string;
  /** The next step. */
  mend?: string;
}

interface Check {
  name: string;
  run(config: HostConfig): Promise<Finding[]>;
}

/** THE table of checks, in the order in which a later one needs an earlier one. */
const CHECKS: readonly Check[] = [
  { name: "podman", run: checkPodman },
  { name: "sandbox", run: checkSandbox },
  { name: "image", run: checkImage },
  { name: "agent", run: checkAgent },
  { name: "isolation", run: checkIsolation },
  { name: "orphans", run: checkOrphans },
];

/** Variables that a sandbox may have with the same value. */
const ORDINARY: ReadonlySet<string> = new Set(["PATH", "TERM", "LANG", "LANGUAGE", "LC_ALL", "SHELL", "PWD", "_"]);

const MARK = { ok: "ok", warning: "warning", problem: "PROBLEM" } as const;

/** `podexec doctor`: checks this host and says what to fix; exit status 1 where something has to be. */
export const doctor = defineVerb({
  args: {
    ...hostArgs("image"),
    probes: { type: "boolean", default: true, summary: "Attempts to break out of a sandbox, which do no harm" },
    json: jsonFlag,
  },
  async run(context) {
    const { args, io } = context;
    const config = loadHostConfig(context);
    const findings: (Finding & { check: string })[] = [];
    for (const check of CHECKS) {
      context.signal.throwIfAborted();
      if (check.name === "isolation" && !args.probes) continue;
      for (const finding of await examine(check, config)) {
        findings.push({ check: check.name, ...finding });
        if (!args.json) await io.stdout.write(lineOf(check.name, finding));
      }
      if (findings.some(({ check: name, status }) => name === "podman" && status === "problem")) break;
    }
    if (args.json) await io.stdout.write(`${JSON.stringify({ findings }, null, 2)}\n`);
    return findings.some(({ status }) => status === "problem") ? 1 : 0;
  },
});

async function examine(check: Check, config: HostConfig): Promise<Finding[]> {
  try {
    return await check.run(config);
  } catch (thrown) {
    config.signal.throwIfAborted();
    const error = toPodexecError(thrown);
    return [{ status: "problem", says: error.message, ...(error.hint ? { mend: error.hint } : {}) }];
  }
}

function lineOf(name: string, { status, says, mend }: Finding): string {
  return `${MARK[status].padEnd(8)} ${name}: ${says}\n${mend ? `         ${mend}\n` : ""}`;
}

async function checkPodman(config: HostConfig): Promise<Finding[]> {
  const { info } = await readFacts(new Podman({ program: config.program }));
  const kind = info.host.security.rootless ? "rootless" : "rootful";
  return [{ status: "ok", says: `Podman ${info.version.Version}, ${kind}, cgroups ${info.host.cgroupVersion}` }];
}

async function checkSandbox(config: HostConfig): Promise<Finding[]> {
  const { adaptation } = await openHost(config, true);
  const adapted = adaptation.says.map((says): Finding => ({ status: "ok", says: `adapted: ${says}` }));
  const lacking = adaptation.lacks.map((says): Finding => ({ status: "warning", says }));
  return [{ status: "ok", says: "a trial sandbox starts, answers and is removed" }, ...adapted, ...lacking];
}

async function checkImage(config: HostConfig): Promise<Finding[]> {
  const { podman } = await openHost(config);
  if (await imageExists(podman, config.image)) return [{ status: "ok", says: `${config.image} is there` }];
  const mend = `Build it: podexec build-image --tag ${config.image}`;
  return [{ status: "problem", says: `${config.image} is not there`, mend }];
}

async function checkAgent(): Promise<Finding[]> {
  AGENT_MACHINES.forEach(readAgent);
  return [{ status: "ok", says: `this podexec brings the agent for ${AGENT_MACHINES.join(" and ")}` }];
}

async function checkIsolation(config: HostConfig): Promise<Finding[]> {
  const host = await openHost(config);
  if (!(await imageExists(host.podman, config.image))) return [];
  const engine = openEngine(host, config);
  const listener = listen({ hostname: "0.0.0.0", port: 0, fetch: () => new Response("") });
  const made: Sandbox[] = [];
  try {
    const sandbox = await Sandbox.create(engine, probeSpec(config), config.signal);
    made.push(sandbox);
    const neighbour = await Sandbox.create(engine, probeSpec(config), config.signal);
    made.push(neighbour);
    return await runProbes(sandbox, neighbour, { port: listener.port, environment: config.environment });
  } finally {
    await Promise.allSettled([...made.map((sandbox) => sandbox.remove()), listener.stop()]);
  }
}

async function runProbes(
  sandbox: Sandbox,
  neighbour: Sandbox,
  { port, environment }: { port: number; environment: Environment },
): Promise<Finding[]> {
  const run = (where: Sandbox, command: string) => where.run({ command, timeoutMs: 30_000, outputLimit: 65_536 });
  await run(neighbour, "nc -l -k -p 7 >/dev/null 2>&1 &");
  const address = (await run(neighbour, "hostname -I")).output.trim().split(" ")[0] ?? "";
  const host = { addresses: hostAddresses(), port };
  const serverVariable = telling(environment);
  const probes = isolationProbes({
    ...(address ? { neighbour: address } : {}),
    host,
    ...(serverVariable === undefined ? {} : { serverVariable }),
  });
  const findings: Finding[] = [];
  for (const probe of probes) {
    const said = verdict((await run(sandbox, probe.script)).output);
    if (said === "breach") findings.push({ status: "problem", says: `a sandbox CAN ${probe.cannot} (${probe.id})` });
    if (said === "broken")
      findings.push({ status: "warning", says: `the probe ${probe.id} does not work in this image` });
  }
  const held = probes.length - findings.length;
  return [{ status: "ok", says: `${held} of ${probes.length} attempts to break out were held off` }, ...findings];
}

/** A variable of this process with a value that no image has by chance: seen in a sandbox, it came from here. */
function telling(environment: Environment): string | undefined {
  const found = Object.entries(environment).find(
    ([name, value]) => /^[A-Za-z_]\w*$/.test(name) && /^[\w./:@-]{8,}$/.test(value) && !ORDINARY.has(name),
  );
  return found?.join("=");
}

async function checkOrphans(config: HostConfig): Promise<Finding[]> {
  const all = await openEngine(await openHost(config), config).list();
  const orphans = all.filter((sandbox) => !sandbox.owner.alive);
  if (orphans.length === 0) return [{ status: "ok", says: `none (sandboxes in all: ${all.length})` }];
  const says = `${orphans.length} sandboxes whose server is gone; their lease ends them, or the next start of podexec`;
  return [{ status: "warning", says, mend: "Remove them now: podexec sessions kill --orphans" }];
}

function probeSpec(config: HostConfig): SandboxSpec {
  const memory = 512 * 1024 * 1024;
  return { image: config.image, network: "internet", memory, cpus: 1, pids: 128, env: {}, leaseMs: 60_000 };
}

function hostAddresses(): string[] {
  const own = ownIpv4Addresses();
  if (own.length === 0) throw new PodexecError("INTERNAL", "this host has no address but its loopback");
  return own;
}
