/** Ports of sandboxes that are reachable through the server's own listener: a table from unguessable tokens to them. */
import { PodexecError } from "../errors.ts";
import type { Connection, ConnectionHandlers } from "./engine.ts";

/** What a port needs of its sandbox. */
export interface PortSandbox {
  readonly handle: string;
  readonly gone: string | undefined;
  lastUsedAt: number;
  /** What its agent keeps about it. */
  readonly note: { readonly ports?: readonly number[] | undefined };
  open(purpose: { to: "port"; port: number }, handlers: ConnectionHandlers): Promise<Connection>;
}

/** The addresses of an exposed port. */
export interface PortUrls {
  /**
   * A host name of its own, so an origin of its own: what browsers and dev servers need. The same as `pathUrl` where
   * the server does not listen where browsers look for names below `localhost`.
   */
  url: string;
  /** A path below the server's own address: for programs that cannot resolve names below `localhost`. */
  pathUrl: string;
}

export interface PortsOptions {
  /** A secret of the data folder's key: the same for the same words, so that a URL survives a restart. */
  derive(words: string): Uint8Array;
  /** Where the server listens. A server on stdio begins to listen when the first port is exposed. */
  place(): Promise<{ host: string; port: number }>;
  /** The sandboxes of this server: those that another one left may have exposed ports. Default: none. */
  sandboxes?(): Iterable<PortSandbox>;
  /** Writes down which ports of a sandbox are exposed. */
  keep?(sandbox: PortSandbox, ports: number[]): void;
  /** Ports of one sandbox at once, default 16. */
  perSandbox?: number;
  /** Connections to one port at once, default 64. */
  perPort?: number;
}

/** 160 bits, as a label of a host name: RFC 1035 allows 63 letters and digits. */
const TOKEN_LENGTH = 40;
const MAX_PER_SANDBOX = 16;
const MAX_PER_PORT = 64;
/** Ports of sandboxes that are gone are told so for a while; no more of them than this are remembered. */
const MAX_GONE = 256;
const EVERYWHERE = ["0.0.0.0", "::"];
/** Where names below `localhost` lead: RFC 6761, section 6.3. */
const LOOPBACK = ["127.0.0.1", "::1", "localhost"];
const TOUCH_MS = 1_000;
const PROBE_MS = 3_000;

export class Ports {
  readonly #options: PortsOptions;
  readonly #byToken = new Map<string, ExposedPort>();
  /** Whose notes were read. */
  readonly #known = new WeakSet<PortSandbox>();

  constructor(options: PortsOptions) {
    this.#options = options;
  }

  /**
   * Makes a port reachable; again is no error, and the URL is the same.
   *
   * @throws PodexecError LIMIT_REACHED where the sandbox has as many ports as it may
   */
  expose(sandbox: PortSandbox, port: number): ExposedPort {
    this.#restore(sandbox);
    const token = this.#tokenOf(sandbox.handle, port);
    const known = this.#byToken.get(token);
    if (known?.sandbox === sandbox) return known;
    const limit = this.#options.perSandbox ?? MAX_PER_SANDBOX;
    if (this.of(sandbox).length >= limit) {
      throw new PodexecError("LIMIT_REACHED", `port: ${limit} ports of this sandbox are exposed, which is the limit`, {
        hint: "Close one with port_close; port_list shows them.",
      });
    }
    this.#forgetOldest();
    const exposed = this.#add(sandbox, port);
    this.#keep(sandbox);
    return exposed;
  }

  /** The exposed ports of a sandbox, lowest first. */
  of(sandbox: PortSandbox): ExposedPort[] {
    this.#restore(sandbox);
    return [...this.#byToken.values()]
      .filter((exposed) => exposed.sandbox === sandbox)
      .toSorted((left, right) => left.port - right.port);
  }

  /** Ends what `expose` began, with all connections. @returns false where the port was not exposed */
  close(sandbox: PortSandbox, port: number): boolean {
    this.#restore(sandbox);
    const token = this.#tokenOf(sandbox.handle, port);
    this.#byToken.get(token)?.close();
    const isClosed = this.#byToken.delete(token);
    if (isClosed) this.#keep(sandbox);
    return isClosed;
  }

  /** The port that a URL's token stands for, also one that a server before this one exposed. */
  find(token: string): ExposedPort | undefined {
    const known = this.#byToken.get(token);
    if (known && known.sandbox.gone === undefined) return known;
    for (const sandbox of this.#options.sandboxes?.() ?? []) this.#restore(sandbox);
    return this.#byToken.get(token);
  }

  /** Where a port is reachable. @throws as `PortsOptions.place` */
  async urlsOf({ token }: ExposedPort): Promise<PortUrls> {
    const { host, port } = await this.#options.place();
    const address = EVERYWHERE.includes(host) ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
    const pathUrl = `http://${address}:${port}/p/${token}/`;
    const isLocal = [...EVERYWHERE, ...LOOPBACK].includes(host);
    return { url: isLocal ? `http://${token}.localhost:${port}/` : pathUrl, pathUrl };
  }

  #tokenOf(handle: string, port: number): string {
    return Buffer.from(this.#options.derive(`port ${handle} ${port}`))
      .toString("hex")
      .slice(0, TOKEN_LENGTH);
  }

  /** The ports that the note of a sandbox names. */
  #restore(sandbox: PortSandbox): void {
    if (this.#known.has(sandbox)) return;
    this.#known.add(sandbox);
    for (const port of sandbox.note.ports ?? []) this.#add(sandbox, port);
  }

  #add(sandbox: PortSandbox, port: number): ExposedPort {
    const token = this.#tokenOf(sandbox.handle, port);
    this.#byToken.get(token)?.close();
    const exposed = new ExposedPort(token, sandbox, port, this.#options.perPort ?? MAX_PER_PORT);
    this.#byToken.set(token, exposed);
    return exposed;
  }

  #keep(sandbox: PortSandbox): void {
    const ports = this.of(sandbox).map(({ port }) => port);
    this.#options.keep?.(sandbox, ports);
  }

  #forgetOldest(): void {
    const gone = [...this.#byToken.values()].filter(({ sandbox }) => sandbox.gone !== undefined);
    for (const { token } of gone.slice(0, Math.max(0, gone.length - MAX_GONE))) this.#byToken.delete(token);
  }
}

/** One port that is reachable, and the connections through it. */
export class ExposedPort {
  readonly token: string;
  readonly sandbox: PortSandbox;
  readonly port: number;
  readonly #limit: number;
  readonly #open = new Map<object, Connection>();
  #opening = 0;
  #isClosed = false;

  constructor(token: string, sandbox: PortSandbox, port: number, limit: number) {
    this.token = token;
    this.sandbox = sandbox;
    this.port = port;
    this.#limit = limit;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#open.size;
  }

  /**
   * Connects to what listens on the port. While bytes flow, the sandbox counts as used.
   *
   * @throws PodexecError PORT_UNKNOWN after `close`, LIMIT_REACHED, SANDBOX_GONE, PORT_CLOSED where nothing listens,
   *   SANDBOX_BUSY, AGENT_PROTOCOL
   */
  async connect(handlers: ConnectionHandlers): Promise<Connection> {
    this.#check();
    this.#opening++;
    try {
      const connection = await this.#connect(handlers);
      if (!this.#isClosed) return connection;
      connection.close();
      throw this.#closed();
    } catch (error) {
      throw this.#isOverrun(error) ? busy(error) : error;
    } finally {
      this.#opening--;
    }
  }

  /** Whether something listens on the port now, found out by connecting. */
  async isListening(): Promise<boolean> {
    const nothing = { onData: () => {}, onClose: () => {} };
    const trying = this.sandbox.open({ to: "port", port: this.port }, nothing).then(
      (connection) => (connection.close(), true),
      () => false,
    );
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<false>((resolve) => (timer = setTimeout(resolve, PROBE_MS, false)));
    return Promise.race([trying, limit]).finally(() => clearTimeout(timer));
  }

  /** Ends all connections; there will be no more. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open.values()) connection.close();
  }

  #check(): void {
    if (this.#isClosed) throw this.#closed();
    if (this.sandbox.gone !== undefined) {
      throw new PodexecError("SANDBOX_GONE", `the sandbox of this port is gone: ${this.sandbox.gone}`);
    }
    if (this.#open.size + this.#opening >= this.#limit) {
      throw new PodexecError("LIMIT_REACHED", `port ${this.port} has ${this.#limit} connections, which is the limit`);
    }
  }

  /** An agent with no place left accepts no connection; its sandbox is there all the same. */
  #isOverrun(error: unknown): boolean {
    return error instanceof PodexecError && error.code === "SANDBOX_GONE" && this.sandbox.gone === undefined;
  }

  async #connect(handlers: ConnectionHandlers): Promise<Connection> {
    const { sandbox } = this;
    const id = {};
    let isOver = false;
    const connection = await sandbox.open(
      { to: "port", port: this.port },
      {
        onData: (bytes) => {
          touch(sandbox);
          handlers.onData(bytes);
        },
        onClose: () => {
          isOver = true;
          this.#open.delete(id);
          handlers.onClose();
        },
      },
    );
    if (!isOver) this.#open.set(id, connection);
    return {
      send: (bytes) => (touch(sandbox), connection.send(bytes)),
      drained: () => connection.drained(),
      end: () => connection.end(),
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      close: () => connection.close(),
    };
  }

  #closed(): PodexecError {
    return new PodexecError("PORT_UNKNOWN", `port ${this.port} is not exposed any more`);
  }
}

function busy(cause: unknown): PodexecError {
  return new PodexecError("SANDBOX_BUSY", "the sandbox takes no more connections at the moment", { cause });
}

function touch(sandbox: PortSandbox): void {
  const now = Date.now();
  if (now - sandbox.lastUsedAt >= TOUCH_MS) sandbox.lastUsedAt = now;
}
