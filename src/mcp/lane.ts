/** What servers of both eras read from one wire: messages, each in a lane of its own. */

export interface Message {
  jsonrpc: "2.0";
  id?: string | number;
  method?: string;
  params?: Record<string, unknown>;
}

/** What a text is: a message, or why not, as it is answered. */
export type Parsed = { message: Message; refusal?: undefined } | { message?: undefined; refusal: object };

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

/** One JSON-RPC 2.0 message; MCP has no batches. */
export function parseMessage(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused(PARSE_ERROR, "not JSON");
  }
  if (Array.isArray(value)) return refused(INVALID_REQUEST, "batches are not supported: send one message a line");
  if (isMessage(value)) return { message: value };
  const id = (value as Partial<Message> | null)?.id;
  return refused(INVALID_REQUEST, "not a JSON-RPC 2.0 message", isId(id) ? id : null);
}

/** A transport, as both SDKs call it, over a wire that servers share. */
export class Lane {
  onmessage?: (message: Message) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  /** Sees each message first; true: it takes care of it, and may `pass` on something later. */
  intercept?: (message: Message) => boolean;
  readonly #write: (message: unknown) => Promise<void>;
  #isClosed = false;

  constructor(write: (message: unknown) => Promise<void>) {
    this.#write = write;
  }

  async start(): Promise<void> {}

  /** Hands a message to the server, unless it is intercepted. */
  deliver(message: Message): void {
    if (!this.intercept?.(message)) this.pass(message);
  }

  pass(message: Message): void {
    if (!this.#isClosed) this.onmessage?.(message);
  }

  async send(message: unknown): Promise<void> {
    if (!this.#isClosed) await this.#write(message);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.onclose?.();
  }
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null) return false;
  const { jsonrpc, id, method, params, ...rest } = value as Record<string, unknown>;
  if (jsonrpc !== "2.0" || (id !== undefined && !isId(id))) return false;
  if (method === undefined) return id !== undefined && ("result" in rest || "error" in rest);
  return typeof method === "string" && (params === undefined || (typeof params === "object" && params !== null));
}

function isId(id: unknown): id is string | number {
  return typeof id === "string" || (typeof id === "number" && Number.isFinite(id));
}

function refused(code: number, message: string, id: string | number | null = null): Parsed {
  return { refusal: { jsonrpc: "2.0", id, error: { code, message } } };
}
