import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { canBeProcessOne, compile, SOURCES, startAgent, TESTED_BUILDS } from "../support/agent-harness.ts";

/** A network as Podman's bridge gives it: an address in a subnet, a gateway, both for IPv6 too. */
const NETWORK = [
  "ip link add e0 type veth peer name e1",
  "ip addr add 10.99.0.2/16 dev e0",
  "ip -6 addr add fd99::2/64 dev e0 nodad",
  "ip link set lo up && ip link set e1 up && ip link set e0 up",
  "ip route add default via 10.99.0.1",
  "ip -6 route add default via fd99::1",
  'exec "$@"',
].join("; ");
const withNetwork = ["sh", "-c", NETWORK, "sh"];
const canNetwork = canBeProcessOne && Bun.which("ip") !== null;
const bound = ["setpriv", "--bounding-set=-all,+setuid,+setgid"];
const asUser = [...bound, "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];

describe.skipIf(!canBeProcessOne).each(TESTED_BUILDS)("agent, %s build: lock-down", (build) => {
  test("what a command must not be able to do is refused by the kernel [agent.protocol]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true });
    const probe = compile("release", [join(SOURCES, "test/refused.c")], "refused");
    const running = (await agent.connect()).start({ args: [probe] });
    await running.exited;
    expect(running.text).toBe("done\n");
  });

  test("capabilities that are not kept are gone, and those that are work [agent.protocol]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true, flags: ["--keep-caps", "chown"] });
    const { text } = await (await agent.connect()).run("grep -E '^Cap(Eff|Bnd)' /proc/self/status /proc/1/status");
    expect([...(text.match(/\S+$/gm) ?? [])]).toEqual(Array.from({ length: 4 }, () => "0000000000000001"));
  });

  test("the first process does not start where capabilities cannot be dropped [agent.protocol]", async () => {
    const prefix = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];
    await using agent = await startAgent({ build, isProcessOne: true, prefix });
    expect(await agent.exitCode).toBe(70);
    expect(agent.stderr).toBe("agent: capabilities stay in the bounding set: Operation not permitted\n");
  });

  test.skipIf(!canNetwork)("a locked network has its subnets and link-local addresses blocked", async () => {
    const flags = ["--lock-network", "--block", "203.0.113.0/24,2001:db8:1::/48", "--allow", "10.99.0.53,fd99::53"];
    await using agent = await startAgent({ build, isProcessOne: true, prefix: withNetwork, flags });
    const client = await agent.connect();
    expect((await client.hello).warnings).toEqual([]);
    const route = async (to: string) => (await client.run(`ip route get ${to} 2>&1 | head -1`)).text;
    for (const to of ["10.99.3.4", "10.99.200.4", "169.254.169.254", "203.0.113.9", "255.255.255.255"]) {
      expect(await route(to)).toContain("No route to host");
      expect(await route(`${to} oif e0`)).toMatch(/via 240\.0\.0\.1|^broadcast/);
    }
    for (const to of ["fd99::9", "2001:db8:1::1", "fe80::9"]) expect(await route(to)).toContain("No route to host");
    expect(await route("fd99::9 oif e0")).toContain("via fe80::dead:dead:dead:dead");
    expect(await route("10.99.0.53")).toStartWith("10.99.0.53 dev e0");
    expect(await route("fd99::53")).toStartWith("fd99::53 ");
    expect(await route("198.51.100.1")).toContain("via 10.99.0.1");
    expect(await route("2001:db8:2::1")).toContain("via fd99::1");
    expect((await client.run("ip -6 addr show dev e0 scope link")).text).toBe("");
  });

  test.skipIf(!canNetwork)("the gateway itself is not served, but its ARP requests are answered", async () => {
    const flags = ["--lock-network"];
    await using agent = await startAgent({ build, isProcessOne: true, prefix: withNetwork, flags });
    const client = await agent.connect();
    const { text } = await client.run(
      "for p in tcp udp icmp; do ip route get 10.99.0.1 ipproto $p 2>&1 | head -1; done",
    );
    const lines = text.split("\n");
    expect(lines.slice(0, 2)).toEqual([
      "RTNETLINK answers: Network is unreachable",
      "RTNETLINK answers: Network is unreachable",
    ]);
    expect(lines[2]).toContain("via 240.0.0.1 dev e0");
  });

  test.skipIf(!canNetwork)("where the network must be locked and cannot be, the agent does not start", async () => {
    const prefix = [...withNetwork, "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
    await using strict = await startAgent({ build, isProcessOne: true, prefix, flags: ["--lock-network"] });
    expect(await strict.exitCode).toBe(70);
    expect(strict.stderr).toMatch(/^agent: --lock-network: .*: Operation not permitted\n$/);
    await using lax = await startAgent({ build, isProcessOne: true, prefix, flags: ["--block", "203.0.113.0/24"] });
    const { warnings } = await (await lax.connect()).hello;
    expect(warnings.at(-1)).toContain("the network is not locked");
  });

  test.each([
    ["the agent", 1],
    ["a keeper", 2],
  ])("when %s can start no process, that is `busy`, and passes [agent.hostile]", async (_, limit) => {
    const prefix = [...asUser, "prlimit", `--nproc=${limit}`];
    await using agent = await startAgent({ build, isProcessOne: true, prefix });
    const client = await agent.connect();
    expect(await client.start("true").error).toMatchObject({ code: "busy", errno: 11 });
    expect(await client.list()).toEqual([]);
    await client.ping();
  });

  test("an agent that is not root works too [agent.any-image]", async () => {
    await using agent = await startAgent({ build, isProcessOne: true, prefix: asUser });
    const client = await agent.connect();
    const { text } = await client.run("id -u; seq -s, 1 20000");
    expect(text).toStartWith("54321\n1,2,3");
    expect((await client.list())[0]?.exited?.file).toStartWith(agent.spill);
  });
});
