/** As far as podexec uses it. */
declare module "websocket-driver" {
  import type { EventEmitter } from "node:events";

  export interface Client extends EventEmitter {
    /** What goes to the other end comes as `data`. */
    io: EventEmitter;
    /** Of the answer to the handshake; 0 or absent before. */
    statusCode?: number;
    /** What was agreed on. */
    protocol: string | null;
    /** The message that is being put together. */
    _message?: { _chunks: unknown[] };
    setHeader(name: string, value: string): boolean;
    start(): boolean;
    parse(bytes: Uint8Array): void;
    text(message: string): boolean;
    binary(message: Uint8Array): boolean;
    close(reason?: string, code?: number): boolean;
  }

  const driver: {
    client(url: string, options: { maxLength: number; masking: boolean; protocols: string[] }): Client;
  };
  export default driver;
}
