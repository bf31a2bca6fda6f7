/** Names of what is copied. */
import { basename } from "node:path";

/** The name a copied thing gets in a folder; undefined for what stands for its content: `.`, `..` and `/`. */
export function nameIn(path: string): string | undefined {
  const name = /(^|[/\\])\.$/.test(path) ? "." : basename(path);
  return name === "." || name === ".." || name === "" ? undefined : name;
}

/**
 * Whether a link stays below the folder that is copied, wherever that lies: `..` at its beginning only, since one behind
 * another link leads anywhere.
 *
 * @param depth of the folder the link is in; 0: the copied one
 */
export function staysInside(target: string, depth: number): boolean {
  if (target.startsWith("/")) return false;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const up = parts.findIndex((part) => part !== "..");
  const leading = up < 0 ? parts.length : up;
  return leading <= depth && !parts.slice(leading).includes("..");
}

/** A local path for node:fs: text where it is UTF-8, which is all that Deno takes. */
export function fsPath(path: Buffer): string | Buffer {
  const text = path.toString();
  return Buffer.from(text).equals(path) ? text : path;
}
