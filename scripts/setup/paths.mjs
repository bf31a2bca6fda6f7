import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
export const bun = join(root, "node_modules/.bin/bun");
export const deno = join(root, "node_modules/.bin/deno");
export const executable = join(root, "dist/podexec");
/** Where finished steps are noted; goes when node_modules goes. */
export const cache = join(root, "node_modules/.cache/podexec");
