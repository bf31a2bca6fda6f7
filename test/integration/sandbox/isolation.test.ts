import { afterAll, beforeAll, expect, test } from "bun:test";
import { ownIpv4Addresses } from "../../../src/podman/addresses.ts";
import { isolationProbes, verdict, type Probe } from "../../../src/sandbox/probes.ts";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { cleanUpAfterAll, isRootless, openSandbox, podman, run, testHost, toolImage } from "../../support/sandboxes.ts";

cleanUpAfterAll();

let sandbox: Sandbox;
let neighbour: Sandbox;
let probes: Probe[];
const listener = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
process.env["PODEXEC_TEST_SECRET"] = "not for sandboxes";

beforeAll(async () => {
  [sandbox, neighbour] = await Promise.all([openSandbox(), openSandbox()]);
  await run(neighbour, "nc -l -k -p 7 >/dev/null 2>&1 &");
  const address = (await run(neighbour, "hostname -I")).output.trim().split(" ")[0] ?? "";
  const host = { addresses: ownIpv4Addresses(), port: listener.port };
  probes = isolationProbes({ neighbour: address, host, serverVariable: "PODEXEC_TEST_SECRET" });
}, 60_000);
afterAll(() => listener.stop(true));

test("no probe gets through, and every probe works [safe.probes]", async () => {
  const verdicts: Record<string, string> = {};
  for (const probe of probes) {
    const outcome = await run(sandbox, probe.script, { timeoutMs: 30_000 });
    const said = verdict(outcome.output);
    verdicts[probe.id] = said === "held" ? said : `${said}: ${outcome.output.slice(-300)}`;
  }
  expect(verdicts).toEqual(Object.fromEntries(probes.map(({ id }) => [id, "held"])));
  expect(probes.length).toBeGreaterThanOrEqual(27);
}, 120_000);

test("the same probes find holes in a plain container, so they can fail [safe.probes]", async () => {
  const { adaptation } = await testHost();
  const plain = ["run", "--rm", "--pull", "never", ...adaptation.runArgs, "--network", adaptation.network, toolImage];
  const breaches: string[] = [];
  for (const probe of probes.filter(({ id }) => ["no-new-privileges", "user-namespace", "capabilities"].includes(id))) {
    if (verdict(await podman([...plain, "/bin/sh", "-c", probe.script])) === "breach") breaches.push(probe.id);
  }
  expect(breaches).toContain("no-new-privileges");
  expect(breaches).toContain("capabilities");
}, 60_000);

test("the internet is reachable and apt works [safe.internet]", async () => {
  const outcome = await run(
    sandbox,
    "apt-get update -qq && apt-get install -y -qq --no-install-recommends tree && tree --version",
  );
  expect(outcome.output).toContain("tree v");
  expect(outcome.retval).toBe(0);
}, 180_000);

test("without a network only the loopback is left [safe.no-network]", async () => {
  const alone = await openSandbox({ network: "none" });
  expect((await run(alone, "ls /sys/class/net")).output).toBe("lo\n");
  expect((await run(alone, "nc -l -p 7 & sleep 0.2; nc -z 127.0.0.1 7")).retval).toBe(0);
}, 30_000);

test.skipIf(isRootless)("memory, processes and CPUs are limited [safe.limits]", async () => {
  const inspected = JSON.parse(await podman(["container", "inspect", sandbox.ref.name])) as {
    HostConfig: { Memory: number; PidsLimit: number; NanoCpus: number };
  }[];
  expect(inspected[0]?.HostConfig).toMatchObject({ Memory: 536_870_912, PidsLimit: 256, NanoCpus: 2_000_000_000 });
});

test("git, a compiler's needs and file ownership work with the capabilities that are left [safe.useful]", async () => {
  const script = [
    "cd /tmp && git init -q repo && cd repo && git -c user.email=a@b -c user.name=n commit -q --allow-empty -m x",
    "chown www-data: .git && su -s /bin/sh www-data -c 'id -un'",
    "python3 -m http.server 80 >/dev/null 2>&1 & sleep 1; curl -s -o /dev/null -w '%{http_code}\\n' http://127.0.0.1/",
  ].join("\n");
  expect(await run(sandbox, script)).toMatchObject({ output: "www-data\n200\n", retval: 0 });
}, 20_000);
