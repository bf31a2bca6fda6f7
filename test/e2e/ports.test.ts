/** Exposed ports of real sandboxes through whole servers: the executable, Deno, stdio, and one after a crash. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { executable, ROOT } from "../support/executable.ts";
import { connectHttp, connectStdio, exec, type Connected } from "../support/mcp-client.ts";
import { get, unusedPort } from "../support/ports.ts";
import { until } from "../support/sandboxes.ts";
import { dataFolder, endAfterAll, serve } from "../support/served.ts";
import { callTool } from "../support/tools.ts";

endAfterAll();

const PROGRAMS: Record<string, string[]> = {
  "the executable": [executable()],
  Deno: [join(ROOT, "node_modules/.bin/deno"), "run", "-A", join(ROOT, "src/main.ts")],
};

/** Answers `GET` with its path and echoes WebSocket messages of up to 125 bytes: RFC 6455, section 5. */
const APPLICATION = `
import base64, hashlib, http.server, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        key = self.headers.get("Sec-WebSocket-Key")
        self.send_response(101 if key else 200)
        if not key:
            self.end_headers()
            return self.wfile.write(self.path.encode())
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        while True:
            head = self.rfile.read(2)
            if len(head) < 2: return
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(head[1] & 127)))
            self.wfile.write(bytes([head[0], len(data)]) + data)
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
Handler.protocol_version = "HTTP/1.1"
Server(("127.0.0.1", 8080), Handler).serve_forever()
`;

interface Exposed {
  url: string;
  path_url: string;
  sandbox: string;
}

async function expose(agent: Pick<Connected, "client">): Promise<Exposed> {
  await exec(agent, "cat > /tmp/app.py", { stdin: APPLICATION });
  await exec(agent, "python3 /tmp/app.py > /dev/null 2>&1 &");
  const { structured, text } = await callTool(agent, "port_expose", { port: 8080 });
  if (structured["url"] === undefined) throw new Error(text);
  const exposed = structured as unknown as Exposed;
  await until("it listens", async () => (await get(exposed.url)).status === 200);
  return exposed;
}

async function echoed(address: string): Promise<string> {
  const socket = new WebSocket(address.replace("http:", "ws:"));
  const message = new Promise<string>((resolve, reject) => {
    socket.addEventListener("message", ({ data }) => resolve(String(data)));
    socket.addEventListener("close", () => reject(new Error("closed")));
  });
  socket.addEventListener("open", () => socket.send("to and fro"));
  return message.finally(() => socket.close());
}

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(`HTTP and WebSocket pass through ${name} into a sandbox without a network [port.http, port.websocket]`, async () => {
    const served = await serve(["--network", "none", "--pool", "0"], { program });
    const agent = await connectHttp(served.url);
    const { url, path_url: path } = await expose(agent);
    expect(await (await get(`${url}a?b`)).text()).toBe("/a?b");
    expect(await (await get(`${path}a?b`)).text()).toBe("/a?b");
    expect(await echoed(path)).toBe("to and fro");
    expect(await callTool(agent, "port_close", { port: 8080 })).toMatchObject({ isError: false });
    expect((await get(url)).status).toBe(404);
    await agent.close();
    expect(await served.stop()).toBe(0);
  }, 90_000);
}

test("over stdio the first exposed port begins to listen, on the loopback [port.http]", async () => {
  const agent = await connectStdio(["--network", "none"]);
  const { url } = await expose(agent);
  expect(await (await get(`${url}x`)).text()).toBe("/x");
  await agent.close();
  await until("nothing listens any more", async () => (await get(url).catch(() => undefined)) === undefined);
}, 60_000);

test("after a SIGKILL of the server its successor answers at the same URL [port.tools]", async () => {
  const [folder, port] = [dataFolder(), await unusedPort()];
  const start = () => serve(["--network", "none", "--pool", "0"], { dataFolder: folder, port: String(port) });
  const first = await start();
  const { url } = await expose(await connectHttp(first.url));
  first.kill("SIGKILL");
  await first.exited;
  const second = await start();
  expect(await (await get(`${url}still/there`)).text()).toBe("/still/there");
  expect(await second.stop()).toBe(0);
}, 90_000);
