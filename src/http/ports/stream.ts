/** A connection into a sandbox as a Node stream, with back pressure both ways: what node:http and others speak over. */
import { Duplex } from "node:stream";
import type { Connection, ConnectionHandlers } from "../../sandbox/engine.ts";

/**
 * Opens a stream.
 *
 * @param connect opens the connection and hands what comes to the handlers
 * @param signal ends the stream
 * @throws whatever `connect` throws
 */
export async function openDuplex(
  connect: (handlers: ConnectionHandlers) => Promise<Connection>,
  signal: AbortSignal,
): Promise<Duplex> {
  const stream = new ConnectionStream();
  const end = () => void stream.destroy();
  signal.addEventListener("abort", end, { once: true });
  stream.once("close", () => signal.removeEventListener("abort", end));
  try {
    stream.attach(await connect(stream));
  } catch (error) {
    stream.destroy();
    throw error;
  }
  if (signal.aborted) stream.destroy();
  return stream;
}

class ConnectionStream extends Duplex implements ConnectionHandlers {
  #connection: Connection | undefined;

  attach(connection: Connection): void {
    this.#connection = connection;
    if (this.destroyed) connection.close();
  }

  onData(bytes: Uint8Array): void {
    if (!this.destroyed && !this.push(bytes)) this.#connection?.pause();
  }

  onClose(): void {
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    this.#connection?.resume();
  }

  override _write(bytes: Uint8Array, _encoding: string, onTaken: () => void): void {
    if (!this.#connection || this.#connection.send(bytes)) return onTaken();
    void this.#connection.drained().then(() => onTaken());
  }

  override _final(done: () => void): void {
    this.#connection?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connection?.close();
    done(error);
  }
}
