const FIRST_BYTES = new TextEncoder().encode(": ok\n\n");

/**
 * A response whose event stream begins with a comment: Bun holds back the headers of a stream until its first byte,
 * and a client would wait for them. Other responses pass unchanged.
 */
export function withFirstByte(response: Response): Response {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (!isStream || !response.body) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(FIRST_BYTES),
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: response.status, headers: response.headers });
}

/**
 * A request's body as text, at most `limit` bytes of it.
 *
 * @returns undefined where it is longer
 */
export async function readBody(request: Request, limit: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
