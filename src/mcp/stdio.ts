/** MCP over this process's standard streams, in both eras, ended properly whatever the client does. */
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { Readable, Writable } from "node:stream";
import type { Caller } from "../sandbox/owners/registry.ts";
import { eraOfClient } from "./era.ts";
import { Lane, parseMessage, type Message } from "./lane.ts";
import { createLegacyServer } from "./legacy.ts";
import { Lines } from "./lines.ts";
import type { Offer } from "./offer.ts";

export interface StdioOptions {
  /** Ends the service, for example on SIGTERM. */
  signal: AbortSignal;
  /** Default: this process's. */
  streams?: { input: Readable; output: Writable };
}

/** Serves one client until it goes away or the signal ends it. */
export async function serveStdio(caller: Caller, offer: Offer, { signal, streams }: StdioOptions): Promise<void> {
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const lines = new Lines(streams ?? { input: process.stdin, output: process.stdout });
  const write = (message: unknown) => lines.write(message);
  const lanes = { legacy: new Lane(write), modern: new Lane(write) };
  const legacy = createLegacyServer(caller, offer);
  legacy.onerror = (error) => offer.log.debug(`stdio: ${error.message}`);
  await legacy.connect(lanes.legacy as Transport);
  let modern: Promise<{ close(): Promise<void> }> | undefined;
  const toModern = (message: Message) => {
    // Loaded with the first message that needs it.
    modern ??= import("./modern.ts").then(({ serveModern }) => serveModern(lanes.modern, caller, offer));
    void modern.then(() => lanes.modern.deliver(message));
  };
  const eraOf = eraOfClient();
  lines.start({
    onLine(line) {
      const { message, refusal } = parseMessage(line);
      if (!message) void write(refusal);
      else if (eraOf(message) === "modern") toModern(message);
      else lanes.legacy.deliver(message);
    },
    onEnd: end,
  });
  if (signal.aborted) end("stopped");
  signal.addEventListener("abort", () => end("stopped"), { once: true });
  offer.log.debug(`stdio: ${await ended}`);
  await Promise.allSettled([legacy.close(), modern?.then((serving) => serving.close())]);
  lines.end("closed");
}
