/** The files of a caller's sandboxes as resources. */
import { meaningOf, PodexecError } from "../../errors.ts";
import type { Caller, Entry, Registry } from "../../sandbox/owners/registry.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { ProtocolFailure, ResourceNotFound, RPC_INVALID_PARAMS } from "../failure.ts";
import { mimeOf } from "../mime.ts";
import type {
  Completion,
  CompletionQuestion,
  ResourceContents,
  ResourceEntry,
  ResourcePage,
  Resources,
  ResourceTemplate,
} from "./resources.ts";
import { folderOf, namesIn } from "./folder.ts";
import { placeOf, TEMPLATE, uriOf, type Place } from "./uri.ts";

/** Bytes of a resource that is read whole. */
const MAX_READ = 1024 * 1024;
/** Sandboxes on one page. */
const PER_PAGE = 10;
/** What is listed of each sandbox: where its commands begin, /workspace. */
const HOME = ".";
/** These codes say that there is no such thing for this caller. */
const MISSING = ["FILE_NOT_FOUND", "SANDBOX_UNKNOWN", "SANDBOX_GONE"];

/** Resources are the files of the sandboxes that the caller owns; asking for one never makes a sandbox. */
export class SandboxResources implements Resources {
  readonly templates: readonly ResourceTemplate[] = [
    {
      uriTemplate: TEMPLATE,
      name: "sandbox-file",
      title: "A file or folder of a sandbox",
      description: `Read whole, up to ${MAX_READ / 1024 / 1024} MiB; a folder is read as the list of its names.`,
    },
  ];
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  async list(caller: Caller, cursor?: string): Promise<ResourcePage> {
    const after = cursor === undefined ? "" : rankIn(cursor);
    const there = this.#registry.list(caller).filter(({ sandbox }) => sandbox.gone === undefined);
    const all = there.filter((entry) => rankOf(entry) > after).toSorted((a, b) => (rankOf(a) < rankOf(b) ? -1 : 1));
    const page = all.slice(0, PER_PAGE);
    const listed = await Promise.all(page.map(({ sandbox }) => entriesOf(sandbox).catch(() => [])));
    const last = page.at(-1);
    const isLast = last === undefined || last === all.at(-1);
    return { resources: listed.flat(), ...(isLast ? {} : { nextCursor: cursorOf(last) }) };
  }

  async read(caller: Caller, uri: string, signal: AbortSignal): Promise<ResourceContents[]> {
    const { place, sandbox } = await this.#find(caller, uri);
    return asResource(uri, async () => {
      const { kind, size } = await sandbox.files.stat(place.path, { signal });
      if (kind === "folder") return [await readFolder(sandbox, place, { uri, signal })];
      if (size > MAX_READ) throw tooLarge(place, size);
      const { bytes } = await sandbox.files.read(place.path, { length: MAX_READ + 1, signal });
      if (bytes.length > MAX_READ) throw tooLarge(place, bytes.length);
      return [contentsOf(uri, place, bytes)];
    });
  }

  async complete(caller: Caller, { variable, value, known }: CompletionQuestion): Promise<Completion> {
    if (variable === "sandbox") {
      const handles = this.#registry.list(caller).map(({ sandbox }) => sandbox.handle);
      return { values: handles.filter((handle) => handle.startsWith(value)) };
    }
    if (variable !== "path" || known["sandbox"] === undefined) return { values: [] };
    const folder = value.slice(0, value.lastIndexOf("/") + 1);
    const listing = await this.#registry
      .info(caller, known["sandbox"])
      .then(({ sandbox }) => folderOf(sandbox, `/${folder}`, { hidden: value !== folder }))
      .catch(() => undefined);
    if (!listing) return { values: [] };
    const values = namesIn(listing).map((name) => `${folder}${name}`);
    return { values: values.filter((path) => path.startsWith(value)), hasMore: listing.cut !== undefined };
  }

  async watch(caller: Caller, uri: string, onChange: () => void): Promise<{ close(): void }> {
    const { place, sandbox } = await this.#find(caller, uri);
    return asResource(uri, () => sandbox.watches.watch(place.path, onChange));
  }

  async #find(caller: Caller, uri: string): Promise<{ place: Place; sandbox: Sandbox }> {
    const place = placeOf(uri);
    const { sandbox } = await asResource(uri, () => this.#registry.info(caller, place.handle));
    return { place, sandbox };
  }
}

interface Reading {
  uri: string;
  signal: AbortSignal;
}

/** What could not be done with a sandbox, as the protocol has it. */
async function asResource<T>(uri: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PodexecError)) throw error;
    const message = [error.message, error.hint].filter(Boolean).join(". ");
    if (MISSING.includes(error.code)) throw new ResourceNotFound(uri, message);
    throw new ProtocolFailure(meaningOf(error.code).rpc, message, { code: error.code });
  }
}

function tooLarge({ path }: Place, size: number): ProtocolFailure {
  const message = `${path} has ${size} bytes; a resource is read whole, up to ${MAX_READ} bytes: read it in pieces with file_read`;
  return new ProtocolFailure(RPC_INVALID_PARAMS, message, { size, limit: MAX_READ });
}

function contentsOf(uri: string, { path }: Place, bytes: Uint8Array): ResourceContents {
  const text = textOf(bytes);
  const mimeType = mimeOf(path, text !== undefined);
  return text === undefined ? { uri, mimeType, blob: Buffer.from(bytes).toString("base64") } : { uri, mimeType, text };
}

/** As text where it is text: UTF-8 without NUL. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function readFolder(sandbox: Sandbox, place: Place, { uri, signal }: Reading): Promise<ResourceContents> {
  const listing = await folderOf(sandbox, place.path, { signal });
  const more = listing.cut ? "\n(not all of it: file_list shows more)" : "";
  return { uri, mimeType: "inode/directory", text: `${namesIn(listing).join("\n")}${more}` };
}

async function entriesOf(sandbox: Sandbox): Promise<ResourceEntry[]> {
  const { handle } = sandbox;
  const { path: folder, entries } = await folderOf(sandbox, HOME, { hidden: false });
  return entries
    .filter(({ kind }) => kind === "file" || kind === "folder")
    .map(({ path: name, kind, size }) => ({
      uri: uriOf({ handle, path: `${folder}/${name}` }),
      name,
      title: `${name} in ${handle}`,
      mimeType: kind === "folder" ? "inode/directory" : mimeOf(name),
      ...(kind === "file" ? { size } : {}),
    }));
}

/** Where a sandbox stands in the order of the list, which sandboxes that come and go do not disturb. */
function rankOf({ sandbox }: Entry): string {
  return `${String(sandbox.note.createdAt).padStart(16, "0")} ${sandbox.handle}`;
}

function cursorOf(entry: Entry): string {
  return Buffer.from(rankOf(entry)).toString("base64url");
}

function rankIn(cursor: string): string {
  const rank = Buffer.from(cursor, "base64url").toString();
  if (/^\d{16} sbx_[0-9a-f]{32}$/.test(rank)) return rank;
  throw new ProtocolFailure(RPC_INVALID_PARAMS, "cursor: none that this server gave; begin without one");
}
