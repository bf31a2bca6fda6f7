/** Files of an agent on this host, without a container: quick, and with the sanitized build too. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PodexecError } from "../../src/errors.ts";
import { connectUnix } from "../../src/podman/socket.ts";
import type { Connection, ConnectionHandlers, Engine } from "../../src/sandbox/engine.ts";
import { Files } from "../../src/sandbox/files/files.ts";
import { openStream } from "../../src/sandbox/agent/stream.ts";
import { startAgent, type Agent, type Build } from "./agent-harness.ts";

/** What a build of the agent may take that was not made yet. */
export const COMPILE_MS = 120_000;

/** An agent, its files, and a folder that is removed with it. */
export async function openFiles(build: Build = "release"): Promise<HostFiles> {
  const folder = mkdtempSync(join(tmpdir(), "podexec-files-"));
  // What starts in the folder cannot hurt the checkout.
  const prefix = ["env", `--chdir=${folder}`];
  return new HostFiles(await startAgent({ build, prefix, env: { HOME: folder } }), folder);
}

export class HostFiles implements AsyncDisposable {
  readonly agent: Agent;
  readonly folder: string;
  readonly files: Files;
  /** Connections to workers that were opened so far. */
  opened = 0;

  constructor(agent: Agent, folder: string) {
    this.agent = agent;
    this.folder = folder;
    this.files = new Files((to, handlers) => this.open(to, handlers));
  }

  /** A raw connection to a worker. */
  open(to: "files" | "watch", handlers: ConnectionHandlers): Promise<Connection> {
    this.opened++;
    const engine = { connect: (_: unknown, hears: ConnectionHandlers) => connectUnix(this.agent.socket, hears) };
    return openStream(engine as Pick<Engine, "connect"> as Engine, { name: "host" }, { to }, handlers);
  }

  /** A path in the folder. */
  at(name: string): string {
    return join(this.folder, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.files.close();
    await this.agent[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What something fails with, as one line: code, message and hint. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PodexecError) return `${error.code}: ${error.message} | ${error.hint ?? ""}`;
    throw error;
  }
  throw new Error("it did not fail");
}

/** Text of bytes. */
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** Bytes of text. */
export const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
