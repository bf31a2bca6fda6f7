/** Sandboxes that another server has made: found by their names, trusted by their notes. */
import { PodexecError, toPodexecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { Channel } from "../agent/channel.ts";
import type { Engine, SandboxRef } from "../engine.ts";
import { nameOf } from "../handle.ts";
import type { Note, Notes } from "../note.ts";
import { Sandbox } from "../sandbox.ts";
import { within } from "../agent/within.ts";

/** A sandbox that answers no sooner holds up nobody's start. */
const ANSWER_LIMIT_MS = 3_000;
const NOTE_LIMIT_MS = 2_000;
/** A look at a note gives no sign of life but its first. */
const UNTIL_CLOSED_MS = 3_600_000;

/** What the agent of a running sandbox says about it; undefined where it cannot be asked or does not prove it. */
export async function readNote(engine: Engine, ref: SandboxRef, notes: Notes): Promise<Note | undefined> {
  const channel = new Channel(() => {});
  const reading = channel.open(engine, ref, UNTIL_CLOSED_MS).then((hello) => notes.open(hello.note));
  try {
    const note = await within(reading, NOTE_LIMIT_MS, () => silent(ref));
    return note && nameOf(note.handle) === ref.name ? note : undefined;
  } catch {
    return undefined;
  } finally {
    // One that answers late is not listened to any more.
    void reading.catch(() => {}).then(() => channel.close());
  }
}

/**
 * The sandbox of a handle, wherever it was made.
 *
 * @returns undefined where it is not there, or does not prove that it is the one
 */
export async function lookUp(engine: Engine, handle: string, notes: Notes): Promise<Sandbox | undefined> {
  const sandbox = await reach(engine, { name: nameOf(handle) }, notes).catch(() => undefined);
  if (sandbox === undefined || sandbox.handle === handle) return sandbox;
  sandbox.detach();
  return undefined;
}

/**
 * Takes over what servers of this kind left behind. What nobody owns is removed: it waited in a pool, or its note is
 * none of this data folder's, so that nobody can ever ask for it.
 *
 * @param onAdopted gets each sandbox that has an owner, claimed; those that answer late come after the promise
 * @returns how many came in time
 */
export async function adoptOrphans(
  engine: Engine,
  notes: Notes,
  { log, onAdopted }: { log: Log; onAdopted(sandbox: Sandbox): void },
): Promise<number> {
  let count = 0;
  const adopt = async (ref: SandboxRef) => {
    try {
      const sandbox = await adoptOne(engine, ref, notes);
      if (!sandbox) return;
      count++;
      onAdopted(sandbox);
    } catch (thrown) {
      notAdopted(ref, toPodexecError(thrown), log);
    }
  };
  const adopting = Promise.all((await engine.orphans()).map(adopt));
  const isLate = await within(adopting, ANSWER_LIMIT_MS, () => new Error("late")).then(
    () => false,
    () => true,
  );
  if (count > 0) log.info(`took over ${count === 1 ? "1 sandbox" : `${count} sandboxes`} of a server that is gone`);
  if (isLate) log.warn("some sandboxes of a server that is gone take long to answer; they are taken over when they do");
  return count;
}

function notAdopted(ref: SandboxRef, error: PodexecError, log: Log): void {
  // Its lease has ended it; the sweep removes what is left of it.
  if (error.code === "SANDBOX_GONE") log.debug(error.message);
  else log.warn(`${ref.name} is not taken over: ${error.message}; \`podexec sessions kill --orphans\` removes it`);
}

async function adoptOne(engine: Engine, ref: SandboxRef, notes: Notes): Promise<Sandbox | undefined> {
  const sandbox = await Sandbox.adopt(engine, ref, notes);
  if (sandbox?.note.principal !== undefined) {
    await engine.claim(ref);
    return sandbox;
  }
  sandbox?.detach();
  // The start does not wait for it; what cannot be removed ends itself.
  void engine.remove(ref).catch(() => {});
  return undefined;
}

function reach(engine: Engine, ref: SandboxRef, notes: Notes): Promise<Sandbox | undefined> {
  const adopting = Sandbox.adopt(engine, ref, notes);
  let isLate = false;
  // One that answers after all is left alone.
  adopting.then((sandbox) => isLate && sandbox?.detach()).catch(() => {});
  return within(adopting, ANSWER_LIMIT_MS, () => {
    isLate = true;
    return silent(ref);
  });
}

function silent(ref: SandboxRef): PodexecError {
  return new PodexecError("AGENT_PROTOCOL", `the agent of ${ref.name} does not answer`);
}
