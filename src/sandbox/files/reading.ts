/** What reading and writing files answer, and how what is read is held in memory. */
import { PodexecError } from "../../errors.ts";
import type { Asked } from "./link.ts";
import { decodeInfo, type FileInfo } from "./wire.ts";
import { concat, ProtocolError } from "../agent/frames-wire.ts";

/** Ends a request early: then FILE_ERROR or CANCELLED. */
export interface Control {
  signal?: AbortSignal;
}

/** What `write` answers. */
export interface Written {
  info: FileInfo;
  /** Whether there was no file of that name. */
  isNew: boolean;
  /** Bytes that were written. */
  bytes: number;
}

/** What `read` answers. */
export interface Content {
  info: FileInfo;
  bytes: Uint8Array;
}

/** Collects what a worker sends of a file; more than was asked for is refused. */
export class Reading {
  readonly hears: Pick<Asked, "onInfo" | "onChunk">;
  readonly #parts: Uint8Array[] = [];
  #info: FileInfo | undefined;
  #held = 0;

  constructor(most: number) {
    this.hears = {
      onInfo: (fields) => (this.#info = decodeInfo(fields)),
      onChunk: (bytes) => {
        this.#held += bytes.length;
        if (this.#held > most) throw new ProtocolError(`more than the ${most} bytes that were asked for`);
        this.#parts.push(bytes);
      },
    };
  }

  content(): Content {
    const [only] = this.#parts;
    return { info: told(this.#info), bytes: only && this.#parts.length === 1 ? only : concat(this.#parts, this.#held) };
  }
}

/** @throws PodexecError AGENT_PROTOCOL where it was not told */
export function told(info: FileInfo | undefined): FileInfo {
  if (info) return info;
  throw new PodexecError("AGENT_PROTOCOL", "the agent's worker for files did not tell what the file is");
}
