/** A registry of images on this host, to push to and to pull from: as much of the distribution specification as podman uses. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

interface Stored {
  type: string;
  bytes: Uint8Array;
}

/**
 * Opens it without TLS, and makes this process's podmans know that.
 *
 * @param folder for the file that says so
 */
export function openRegistry(folder: string): { host: string; close(): void } {
  const blobs = new Map<string, Uint8Array>();
  const manifests = new Map<string, Stored>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => answer(request, { blobs, manifests }),
  });
  const host = `127.0.0.1:${server.port}`;
  const file = join(folder, "registries.conf");
  writeFileSync(file, `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
  const before = process.env["CONTAINERS_REGISTRIES_CONF"];
  process.env["CONTAINERS_REGISTRIES_CONF"] = file;
  return {
    host,
    close() {
      if (before === undefined) delete process.env["CONTAINERS_REGISTRIES_CONF"];
      else process.env["CONTAINERS_REGISTRIES_CONF"] = before;
      void server.stop(true);
    },
  };
}

interface Store {
  blobs: Map<string, Uint8Array>;
  manifests: Map<string, Stored>;
}

async function answer(request: Request, store: Store): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/v2/") return new Response("{}");
  const [, repository = "", kind = "", name = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/(.*)$/.exec(pathname) ?? [];
  const key = kind === "blobs" ? name : `${repository}/${name}`;
  if (request.method === "GET" || request.method === "HEAD") return given(request.method, { kind, key }, store);
  if (request.method === "POST") return uploading(`${pathname}one`);
  return kind === "manifests" ? takeManifest(request, { repository, key }, store) : takeBlob(request, store);
}

function given(method: string, { kind, key }: { kind: string; key: string }, { blobs, manifests }: Store): Response {
  const blob = blobs.get(key);
  const found = kind === "manifests" ? manifests.get(key) : blob && { type: "application/octet-stream", bytes: blob };
  return found ? content(method, found.type, found.bytes) : unknown(kind);
}

async function takeManifest(
  request: Request,
  { repository, key }: { repository: string; key: string },
  { manifests }: Store,
): Promise<Response> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  const stored = { type: request.headers.get("content-type") ?? "", bytes };
  for (const each of [key, `${repository}/${digestOf(bytes)}`]) manifests.set(each, stored);
  return created(digestOf(bytes));
}

async function takeBlob(request: Request, { blobs }: Store): Promise<Response> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > 0) blobs.set(digestOf(bytes), bytes);
  const { pathname, searchParams } = new URL(request.url);
  const digest = searchParams.get("digest");
  return request.method === "PUT" && digest ? created(digest) : uploading(pathname, bytes.length);
}

function content(method: string, type: string, bytes: Uint8Array): Response {
  const headers = {
    "content-type": type,
    "docker-content-digest": digestOf(bytes),
    "content-length": String(bytes.length),
  };
  return new Response(method === "HEAD" ? null : bytes.slice(), { headers });
}

function unknown(kind: string): Response {
  const code = kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN";
  return Response.json({ errors: [{ code, message: code.toLowerCase().replace("_", " ") }] }, { status: 404 });
}

function uploading(location: string, length = 0): Response {
  const range = `0-${Math.max(0, length - 1)}`;
  return new Response(null, { status: 202, headers: { location, range, "docker-upload-uuid": "one" } });
}

function created(digest: string): Response {
  return new Response(null, { status: 201, headers: { "docker-content-digest": digest, location: digest } });
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
