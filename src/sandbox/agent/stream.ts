/** A raw byte stream to something in a sandbox, on a connection of its own. */
import { PodexecError } from "../../errors.ts";
import type { Connection, ConnectionHandlers, Engine, SandboxRef } from "../engine.ts";
import { decodeError, decodeHello } from "./frames-answers.ts";
import { encodeHello, type Purpose } from "./frames-requests.ts";
import { FrameDecoder, FrameType, PROTOCOL_VERSION, type Frame } from "./frames-wire.ts";

const OPEN_LIMIT_MS = 10_000;

/**
 * Opens a stream for a purpose; what comes after the agent's OPENED goes to the handlers.
 *
 * @throws PodexecError SANDBOX_GONE where it cannot be reached, PORT_CLOSED where nothing listens on the port,
 *   SANDBOX_BUSY where there are too many streams, FILE_ERROR where its files cannot be served, AGENT_PROTOCOL
 */
export async function openStream(
  engine: Engine,
  ref: SandboxRef,
  purpose: Exclude<Purpose, { to: "control" }>,
  handlers: ConnectionHandlers,
): Promise<Connection> {
  const opening = new Opening(purpose, handlers);
  const connection = await engine.connect(ref, opening);
  const timer = setTimeout(() => opening.fail(silent(ref)), OPEN_LIMIT_MS);
  try {
    connection.send(encodeHello(PROTOCOL_VERSION, purpose));
    await opening.opened;
    return connection;
  } catch (error) {
    opening.isOver = true;
    connection.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The frames before the raw bytes. */
class Opening implements ConnectionHandlers {
  readonly opened: Promise<void>;
  isOver = false;
  readonly #purpose: Purpose;
  readonly #handlers: ConnectionHandlers;
  readonly #decoder = new FrameDecoder();
  #isOpen = false;
  #resolve: () => void = () => {};
  fail: (error: Error) => void = () => {};

  constructor(purpose: Purpose, handlers: ConnectionHandlers) {
    this.#purpose = purpose;
    this.#handlers = handlers;
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.fail = reject;
    });
    this.opened.catch(() => {});
  }

  onData(bytes: Uint8Array): void {
    if (this.isOver) return;
    if (this.#isOpen) return this.#handlers.onData(bytes);
    try {
      this.#read(bytes);
    } catch (cause) {
      this.fail(new PodexecError("AGENT_PROTOCOL", `the agent broke the protocol: ${String(cause)}`, { cause }));
    }
  }

  onClose(): void {
    if (this.#isOpen && !this.isOver) return this.#handlers.onClose();
    this.fail(new PodexecError("SANDBOX_GONE", "the sandbox's agent closed the connection"));
  }

  #read(bytes: Uint8Array): void {
    for (const frame of this.#decoder.push(bytes, (one) => one.type === FrameType.OPENED)) this.#take(frame);
    if (!this.#isOpen) return;
    const rest = this.#decoder.rest();
    this.#resolve();
    if (rest.length > 0) this.#handlers.onData(rest);
  }

  #take(frame: Frame): void {
    if (frame.type === FrameType.AGENT_HELLO) decodeHello(frame.payload);
    else if (frame.type === FrameType.OPENED) this.#isOpen = true;
    else if (frame.type === FrameType.AGENT_ERROR) this.fail(refusal(frame, this.#purpose));
  }
}

function refusal(frame: Frame, { to }: Purpose): PodexecError {
  const { code, message } = decodeError(frame.payload);
  if (code === "busy") return new PodexecError("SANDBOX_BUSY", `the sandbox can carry no more streams: ${message}`);
  if (code !== "start")
    return new PodexecError("AGENT_PROTOCOL", `the agent refused the connection (${code}): ${message}`);
  if (to === "port") return new PodexecError("PORT_CLOSED", `nothing answers in the sandbox: ${message}`);
  return new PodexecError(
    "FILE_ERROR",
    `the sandbox's files cannot be ${to === "watch" ? "watched" : "reached"}: ${message}`,
    {
      hint: "Memory or processes may have run out in the sandbox: end what is not needed (shell_list, shell_kill), and try again.",
    },
  );
}

function silent(ref: SandboxRef): PodexecError {
  return new PodexecError("AGENT_PROTOCOL", `the agent of ${ref.name} does not answer`);
}
