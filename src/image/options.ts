/** What `build-image` is asked for, checked where it comes in. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { PodexecError } from "../errors.ts";

export const DEFAULT_TAG = "localhost/pod_exec_mcp_base:latest";
export const DEFAULT_SUITE = "trixie";

const TAG = /^[a-z0-9]+(?:[._-][a-z0-9]+)*(?::\d+)?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?$/;
const DIGEST = /@sha256:[0-9a-f]{64}$/;
// Debian Policy 5.6.1, without a `-` at the end: to apt that means "remove it".
const PACKAGE = /^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$/;
const SUITE = /^[a-z][a-z0-9-]*$/;

const tagSchema = z.string().regex(TAG, "--tag must be an image name such as localhost/tools:latest");
const fromSchema = z
  .string()
  .refine((name) => TAG.test(name.replace(DIGEST, "")), "--from must be an image such as docker.io/library/debian:12");

const requestSchema = z.object({
  tag: tagSchema.default(DEFAULT_TAG).transform(qualifyTag),
  packages: z
    .array(z.string().regex(PACKAGE, "--package must be the name of a Debian package, such as build-essential"))
    .default([]),
  from: fromSchema.optional(),
  suite: z.string().regex(SUITE, "--suite must be the name of a Debian suite, such as trixie").optional(),
  file: z.string().optional(),
  noCache: z.boolean().default(false),
  bootstrap: z.boolean().default(false),
});

/** As it comes from the command line: every field may be missing, none is checked. */
export type BuildRequest = Readonly<Partial<Record<keyof z.input<typeof requestSchema>, unknown>>>;

/** Our own recipe, or a Containerfile of the user's. */
export type Source =
  | { kind: "debian"; packages: readonly string[]; suite: string; from: string | undefined; bootstrap: boolean }
  | { kind: "file"; file: string; noCache: boolean };

export interface BuildPlan {
  /** With its registry and its tag. */
  tag: string;
  source: Source;
}

/**
 * Checks a request and decides what is to be built.
 *
 * @throws PodexecError USAGE that names the flag
 */
export function planBuild(request: BuildRequest): BuildPlan {
  const parsed = requestSchema.safeParse(request, { reportInput: true });
  if (!parsed.success) throw new PodexecError("USAGE", describeIssue(parsed.error.issues[0]));
  const { tag, packages, from, suite, file, noCache, bootstrap } = parsed.data;
  if (file !== undefined) {
    const others = { "--package": packages.length > 0, "--from": from, "--suite": suite, "--bootstrap": bootstrap };
    refuseBeside("--file", others, "a Containerfile of your own says itself what is in the image");
    return { tag, source: { kind: "file", file: existingFile(file), noCache } };
  }
  if (from !== undefined) refuseBeside("--from", { "--suite": suite }, "the base image has a suite already");
  if (bootstrap) refuseBeside("--bootstrap", { "--from": from }, "a bootstrap starts from packages, not from an image");
  return { tag, source: { kind: "debian", packages, suite: suite ?? DEFAULT_SUITE, from, bootstrap } };
}

/** Names without a registry are searched on Docker's, as everywhere, but never by asking: podman may prompt for them. */
export function qualifyBase(name: string): string {
  const [first = "", ...rest] = name.split("/");
  if (rest.length === 0) return `docker.io/library/${name}`;
  return /[.:]/.test(first) || first === "localhost" ? name : `docker.io/${name}`;
}

function qualifyTag(tag: string): string {
  const [first = "", ...rest] = tag.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const name = hasRegistry ? tag : `localhost/${tag}`;
  return name.slice(name.lastIndexOf("/")).includes(":") ? name : `${name}:latest`;
}

function refuseBeside(flag: string, others: Record<string, unknown>, why: string): void {
  const given = Object.keys(others).find((name) => others[name]);
  if (given) throw new PodexecError("USAGE", `${given} cannot stand beside ${flag}: ${why}`);
}

function existingFile(file: string): string {
  const path = resolve(file);
  try {
    if (statSync(path).isFile()) return path;
  } catch {
    // Said below, whatever the reason.
  }
  throw new PodexecError("USAGE", `--file: there is no file ${path}`);
}

function describeIssue(issue: z.core.$ZodIssue | undefined): string {
  if (!issue) return "invalid options";
  const value = typeof issue.input === "string" ? `, not ${JSON.stringify(issue.input)}` : "";
  return `${issue.message}${value}`;
}
