/** A command line run inside the test's process, with what it wrote. */
import { dispatch } from "../../src/commands/dispatch.ts";
import type { Output, Table } from "../../src/commands/command.ts";

export interface Answer {
  status: number;
  stdout: string;
  stderr: string;
}

export interface WorldOptions {
  environment?: Record<string, string>;
  signal?: AbortSignal;
}

/** Runs `podexec ...words` on a table. */
export async function call(table: Table, words: readonly string[], options: WorldOptions = {}): Promise<Answer> {
  const stdout = recorder();
  const stderr = recorder();
  const status = await dispatch(words, table, {
    io: { stdin: { isTerminal: false, chunks: async function* () {} }, stdout, stderr },
    environment: options.environment ?? {},
    signal: options.signal ?? new AbortController().signal,
    takeSignals: () => () => {},
  });
  return { status, stdout: stdout.text(), stderr: stderr.text() };
}

function recorder(): Output & { text(): string } {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  return {
    isTerminal: false,
    text: () => parts.join(""),
    write: async (text) => {
      parts.push(typeof text === "string" ? text : decoder.decode(text, { stream: true }));
    },
  };
}
