import type { EventStore } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";

type Message = Parameters<EventStore["storeEvent"]>[1];

interface StoredEvent {
  id: string;
  stream: string;
  message: Message;
  bytes: number;
}

/** What a session keeps for a client that comes back after its connection was cut. */
const MAX_BYTES = 1024 * 1024;
const MAX_EVENTS = 256;

/**
 * The events of one session, the newest within a bound. `getStreamIdForEventId` is left out on purpose: with it the
 * transport refuses a resume while it still believes in the stream that was cut.
 */
export class RecentEvents implements EventStore {
  readonly #events: StoredEvent[] = [];
  #bytes = 0;
  #count = 0;

  async storeEvent(stream: string, message: Message): Promise<string> {
    const id = `${stream}_${++this.#count}`;
    const bytes = JSON.stringify(message).length;
    this.#events.push({ id, stream, message, bytes });
    this.#bytes += bytes;
    while (this.#events.length > 1 && (this.#bytes > MAX_BYTES || this.#events.length > MAX_EVENTS)) {
      this.#bytes -= this.#events.shift()?.bytes ?? 0;
    }
    return id;
  }

  async replayEventsAfter(
    lastId: string,
    { send }: { send: (id: string, message: Message) => Promise<void> },
  ): Promise<string> {
    const stream = streamOf(lastId);
    const index = this.#events.findIndex((event) => event.id === lastId);
    for (const event of this.#events.slice(index + 1)) {
      // A priming event has no message: it only gave the client an id to resume from.
      if (event.stream === stream && "jsonrpc" in event.message) await send(event.id, event.message);
    }
    return stream;
  }

  /** Whether an event was the last its stream will ever have, so that there is nothing to resume. */
  isFinal(id: string): boolean {
    const event = this.#events.find((candidate) => candidate.id === id);
    return event !== undefined && ("result" in event.message || "error" in event.message);
  }
}

function streamOf(id: string): string {
  return id.slice(0, id.lastIndexOf("_"));
}
