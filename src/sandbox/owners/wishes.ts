/** What a client may ask of a sandbox, within what the server's operator allows. */
import { isAbsolute, sep } from "node:path";
import { PodexecError } from "../../errors.ts";
import { formatSize } from "../../units.ts";
import type { SandboxSpec } from "../engine.ts";
import { realFolder } from "./host-folder.ts";

/** What a client says; what it leaves out is as the server has it. */
export interface Wish {
  image?: string | undefined;
  workspace?: { path: string; readOnly: boolean } | undefined;
  env?: Record<string, string> | undefined;
  network?: SandboxSpec["network"] | undefined;
  /** Bytes. */
  memory?: number | undefined;
  cpus?: number | undefined;
}

/** What an operator allows beyond a sandbox as the server's own options make it. */
export interface Allowance {
  /** Bytes; undefined: no more than the server's own. */
  maxMemory: number | undefined;
  maxCpus: number | undefined;
  /** Patterns of images, `*` for any characters; none: any image that is there. */
  images: readonly string[];
  /** Folders of the host at or below which a workspace may be. */
  workspaces: readonly string[];
}

/** A reference that no program can take for a flag: Podman's characters, beginning with a letter or a digit. */
const IMAGE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$/;

/**
 * The specification for a wish.
 *
 * @param own how the server's options make sandboxes
 * @throws PodexecError REFUSED with the option that would allow it, INVALID_PARAMS
 */
export function specFor(wish: Wish, own: SandboxSpec, allowance: Allowance): SandboxSpec {
  const { workspace, ...rest } = own;
  const folder = wish.workspace === undefined ? workspace : workspaceOf(wish.workspace, own, allowance);
  return {
    ...rest,
    image: wish.image === undefined ? own.image : imageOf(wish.image, own, allowance),
    network: networkOf(wish.network, own),
    memory: memoryOf(wish.memory, own, allowance),
    cpus: cpusOf(wish.cpus, own, allowance),
    env: { ...own.env, ...wish.env },
    ...(folder ? { workspace: folder } : {}),
  };
}

function imageOf(image: string, own: SandboxSpec, { images }: Allowance): string {
  if (image === own.image) return image;
  if (!IMAGE.test(image)) throw new PodexecError("INVALID_PARAMS", "image: that is not the name of an image");
  if (images.length === 0 || images.some((pattern) => matches(pattern, image))) return image;
  throw refused(`image: ${image} is none of those that this server allows (${images.join(", ")})`, "--allow-image");
}

/** A pattern's `*` stands for any characters, a registry's and a tag's separators too. */
function matches(pattern: string, image: string): boolean {
  const [first = "", ...others] = pattern.split("*");
  if (others.length === 0) return pattern === image;
  const last = others.pop() ?? "";
  if (!image.startsWith(first) || !image.endsWith(last) || image.length < first.length + last.length) return false;
  let rest = image.slice(first.length, image.length - last.length);
  for (const part of others) {
    const at = rest.indexOf(part);
    if (at < 0) return false;
    rest = rest.slice(at + part.length);
  }
  return true;
}

function networkOf(network: Wish["network"], own: SandboxSpec): SandboxSpec["network"] {
  if (network !== "internet" || own.network === "internet") return network ?? own.network;
  throw refused("network: sandboxes of this server have no internet", "--network internet");
}

function memoryOf(memory: number | undefined, own: SandboxSpec, { maxMemory }: Allowance): number {
  const most = Math.max(own.memory, maxMemory ?? 0);
  if (memory === undefined || memory <= most) return memory ?? own.memory;
  throw refused(
    `memory: ${formatSize(memory)} is more than the ${formatSize(most)} this server allows`,
    "--max-memory",
  );
}

function cpusOf(cpus: number | undefined, own: SandboxSpec, { maxCpus }: Allowance): number {
  const most = Math.max(own.cpus, maxCpus ?? 0);
  if (cpus === undefined || cpus <= most) return cpus ?? own.cpus;
  throw refused(`cpus: ${cpus} is more than the ${most} this server allows`, "--max-cpus");
}

/** The folder as it really is: a link inside an allowed one may lead anywhere. */
function workspaceOf(
  { path, readOnly }: { path: string; readOnly: boolean },
  own: SandboxSpec,
  { workspaces }: Allowance,
): NonNullable<SandboxSpec["workspace"]> {
  if (!isAbsolute(path)) throw new PodexecError("INVALID_PARAMS", "workspace: an absolute path of the host is needed");
  const found = realFolder(path);
  const isBelow = (folder: string) => found !== undefined && isAtOrBelow(found.path, realFolder(folder)?.path);
  // What is not allowed is refused alike, whether it is there or not.
  if (found && workspaces.some(isBelow)) return { ...found, readOnly };
  if (found && own.workspace && isBelow(own.workspace.path)) {
    return { ...found, readOnly: readOnly || own.workspace.readOnly };
  }
  throw refused(`workspace: ${path.slice(0, 200)} is no folder that this server allows`, "--allow-workspace FOLDER");
}

function isAtOrBelow(path: string, folder: string | undefined): boolean {
  if (folder === undefined) return false;
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function refused(message: string, flag: string): PodexecError {
  return new PodexecError("REFUSED", message, { hint: `Whoever runs the server can allow it with ${flag}.` });
}
