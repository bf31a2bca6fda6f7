/** Editing a file in place: read, replace, and write unless somebody else changed it meanwhile. */
import { PodexecError } from "../../errors.ts";
import { applyEdits, type Edit } from "./edits.ts";
import { isChangedMeanwhile, shownPath } from "./errors.ts";
import type { Content, Control, Written } from "./reading.ts";
import { pathText, type FileInfo, type SandboxPath } from "./wire.ts";

const MOST_EDITED = 8 * 1024 * 1024;
const TRIES = 5;

/** What `edit` answers. */
export interface Edited {
  info: FileInfo;
  before: Uint8Array;
  after: Uint8Array;
  /** How many places were replaced. */
  replaced: number;
}

/** What it needs of files. */
interface ReadsAndWrites {
  read(path: SandboxPath, options: Control & { length: number }): Promise<Content>;
  write(path: SandboxPath, content: Uint8Array, options: Control & { expected: Uint8Array }): Promise<Written>;
}

/** The edits of one sandbox, one after the other: those of others, a command's for instance, make one start again. */
export class Editor {
  readonly #files: ReadsAndWrites;
  #last: Promise<unknown> = Promise.resolve();

  constructor(files: ReadsAndWrites) {
    this.#files = files;
  }

  /** As `Files.edit`. */
  edit(path: SandboxPath, edits: readonly Edit[], control: Control): Promise<Edited> {
    const edited = this.#last.then(() => this.#edit(path, edits, control));
    this.#last = edited.catch(() => {});
    return edited;
  }

  async #edit(path: SandboxPath, edits: readonly Edit[], control: Control): Promise<Edited> {
    for (let tries = 1; ; tries++) {
      const { info, bytes } = await this.#files.read(path, { length: MOST_EDITED + 1, ...control });
      if (bytes.length > MOST_EDITED) throw tooLarge(pathText(path));
      const before = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const { bytes: after, replaced } = applyEdits(before, edits, pathText(path));
      try {
        const written = await this.#files.write(path, after, { expected: info.version, ...control });
        return { info: written.info, before, after, replaced };
      } catch (error) {
        if (tries >= TRIES || !isChangedMeanwhile(error)) throw error;
      }
    }
  }
}

function tooLarge(path: string): PodexecError {
  const hint = "Use sed or a script through shell_exec.";
  return new PodexecError("FILE_ERROR", `cannot edit ${shownPath(path)}: it is larger than ${MOST_EDITED} bytes`, {
    hint,
  });
}
