/** Files of one sandbox, through its agent. */
import type { Connection, ConnectionHandlers } from "./engine.ts";

/** Opens a connection to the agent's worker for files or for watches. */
export type OpenWorker = (to: "files" | "watch", handlers: ConnectionHandlers) => Promise<Connection>;

/** The files of one sandbox. */
export class Files {
  readonly #open: OpenWorker;

  constructor(open: OpenWorker) {
    this.#open = open;
  }

  /** Opens a worker. */
  protected connect(to: "files" | "watch", handlers: ConnectionHandlers): Promise<Connection> {
    return this.#open(to, handlers);
  }
}
