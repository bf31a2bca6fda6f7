import type { Table } from "./command.ts";

/** THE dispatch table: what `podexec` can do. A verb's file is loaded when the verb is called. */
export const commands: Table = {
  serve: {
    summary: "Serve MCP: a sandbox of its own for every agent",
    load: async () => (await import("./serve.ts")).serve,
  },
  run: {
    summary: "Run one command in a sandbox of its own",
    load: async () => (await import("./run.ts")).run,
  },
  attach: {
    summary: "Connect this terminal to a sandbox of a running server",
    load: async () => (await import("./attach.ts")).attach,
  },
  cp: {
    summary: "Copy files and folders into a sandbox and out of it",
    load: async () => (await import("./cp.ts")).cp,
  },
  "build-image": {
    summary: "Build the Debian tool image that sandboxes start from",
    load: async () => (await import("./build-image.ts")).buildImage,
  },
  doctor: {
    summary: "Check what this host and its Podman can do, and say what to fix",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  sessions: {
    summary: "Look at the sandboxes on this host",
    verbs: {
      list: {
        summary: "List the sandboxes",
        load: async () => (await import("./sessions.ts")).list,
      },
      kill: {
        summary: "Remove sandboxes, with everything that runs in them",
        load: async () => (await import("./sessions.ts")).kill,
      },
    },
  },
  version: {
    summary: "Print the version",
    load: async () => (await import("./version.ts")).version,
  },
  completion: {
    summary: "Print a completion script for bash, zsh or fish",
    load: async () => (await import("./completion.ts")).completion,
  },
};
