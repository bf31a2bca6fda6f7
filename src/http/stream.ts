interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(reason: unknown): Promise<void>;
}

const FIRST_BYTES = new TextEncoder().encode(": ok\n\n");
/** Bytes that may wait for a client that does not read; it is cut off then, and may resume. */
const MAX_WAITING = 4 * 1024 * 1024;

/**
 * A response whose event stream begins with a comment: Bun holds back the headers of a stream until its first byte,
 * and a client would wait for them. Other responses pass unchanged.
 *
 * @param onEnded called once when the stream is over, whoever ended it
 */
export function openStream(response: Response, onEnded: () => void = () => {}): Response {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (!isStream || !response.body) {
    onEnded();
    return response;
  }
  const reader = response.body.getReader();
  const room = new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING });
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(FIRST_BYTES);
        void pump(reader, controller).finally(onEnded);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    room,
  );
  return new Response(body, { status: response.status, headers: response.headers });
}

/** Moves what comes at once: in the transport's own stream it would wait without a bound. */
async function pump(reader: Reader, controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      if ((controller.desiredSize ?? 0) <= 0) throw new Error("the client does not read its stream");
      if (read.value) controller.enqueue(read.value);
    }
    controller.close();
  } catch (error) {
    controller.error(error);
    await reader.cancel(error).catch(() => {});
  }
}

/** A whole event stream with one event. */
export function eventOf(id: string, message: unknown): Response {
  const text = `event: message\nid: ${id}\ndata: ${JSON.stringify(message)}\n\n`;
  return new Response(text, { headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" } });
}
