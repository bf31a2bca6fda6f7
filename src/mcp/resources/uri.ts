/** The names of resources: `sandbox://HANDLE/PATH`, as RFC 3986 and RFC 6570 have them. */
import { ResourceNotFound } from "../failure.ts";

export const TEMPLATE = "sandbox://{sandbox}/{+path}";

const FORM = /^sandbox:\/\/([^/?#]{1,200})\/([^?#]*)$/;
const MAX_PATH = 4_095;

/** A file or folder of a sandbox. */
export interface Place {
  handle: string;
  /** Absolute. */
  path: string;
}

/** The URI of a place; each name of the path is escaped. */
export function uriOf({ handle, path }: Place): string {
  return `sandbox://${handle}${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** The place that a URI names. @throws ResourceNotFound where it names none */
export function placeOf(uri: string): Place {
  const [, handle, escaped] = FORM.exec(uri) ?? [];
  if (handle === undefined || escaped === undefined) throw badUri(uri, `the form is ${TEMPLATE}`);
  const path = `/${unescape(uri, escaped)}`;
  if (path.includes("\0")) throw badUri(uri, "a path has no NUL");
  if (Buffer.byteLength(path) > MAX_PATH) throw badUri(uri, `a path has at most ${MAX_PATH} bytes`);
  return { handle, path };
}

function unescape(uri: string, escaped: string): string {
  try {
    return decodeURIComponent(escaped);
  } catch {
    throw badUri(uri, "an escape is none");
  }
}

function badUri(uri: string, why: string): ResourceNotFound {
  return new ResourceNotFound(uri.slice(0, 200), `no resource has this URI: ${why}`);
}
