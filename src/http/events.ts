import type { EventStore } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { RequestId } from "@modelcontextprotocol/sdk/types.js";

type Message = Parameters<EventStore["storeEvent"]>[1];

/** An answer that its client may have missed. */
export interface StoredAnswer {
  /** Of its event. */
  id: string;
  message: Message;
}

/** The error code that stands for the answer of a cancelled request: nobody waits for it. */
export const CANCELLED = -32800;

/** What a session keeps for a client that comes back after its connection was cut. */
const MAX_BYTES = 1024 * 1024;
const MAX_ANSWERS = 256;

/**
 * The event store of one session: the newest answers, within a bound. Progress is of the moment and is not kept.
 * `getStreamIdForEventId` is left out on purpose: with it the transport refuses a resume while it still believes in the
 * stream that was cut.
 */
export class RecentEvents implements EventStore {
  /** Streams whose answer is still to come. */
  readonly #running = new Set<string>();
  /** By stream: each carries one request. */
  readonly #answers = new Map<string, StoredAnswer & { bytes: number }>();
  readonly #onAnswered: (request: RequestId) => void;
  #bytes = 0;
  #count = 0;

  /** @param onAnswered hears of every request that has its answer, or was cancelled */
  constructor(onAnswered: (request: RequestId) => void = () => {}) {
    this.#onAnswered = onAnswered;
  }

  /** How many entries are held. */
  get size(): number {
    return this.#running.size + this.#answers.size;
  }

  async storeEvent(stream: string, message: Message): Promise<string> {
    const id = `${stream}_${++this.#count}`;
    if (!("result" in message) && !("error" in message)) {
      this.#running.add(stream);
      return id;
    }
    this.#running.delete(stream);
    if (!("error" in message && message.error.code === CANCELLED)) this.#keep(stream, { id, message });
    if (message.id !== undefined) this.#onAnswered(message.id);
    return id;
  }

  async replayEventsAfter(
    lastId: string,
    { send }: { send: (id: string, message: Message) => Promise<void> },
  ): Promise<string> {
    const missed = this.after(lastId);
    if (missed && missed !== "running") await send(missed.id, missed.message);
    return streamOf(lastId);
  }

  /**
   * What is still to come on the stream of an event.
   *
   * @param lastId the last event that the client has seen
   * @returns `running` while there is no answer yet, the answer, or undefined where nothing is left to tell
   */
  after(lastId: string): "running" | StoredAnswer | undefined {
    const stream = streamOf(lastId);
    if (this.#running.has(stream)) return "running";
    const answer = this.#answers.get(stream);
    return answer?.id === lastId ? undefined : answer;
  }

  #keep(stream: string, answer: StoredAnswer): void {
    const bytes = JSON.stringify(answer.message).length;
    this.#answers.set(stream, { ...answer, bytes });
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#answers) {
      if (oldest === stream || (this.#bytes <= MAX_BYTES && this.#answers.size <= MAX_ANSWERS)) return;
      this.#answers.delete(oldest);
      this.#bytes -= freed;
    }
  }
}

function streamOf(id: string): string {
  return id.slice(0, id.lastIndexOf("_"));
}
