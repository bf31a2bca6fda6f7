/** What the answers of the file tools have in common. */
import { z } from "zod";
import type { FileInfo } from "../sandbox/files/wire.ts";
import { pathField } from "./fields.ts";

/** The path of a file in the sandbox. */
export const filePath = (what: string, describes: string) =>
  pathField(what)
    .refine((path) => path.isWellFormed(), `${what} is no text that UTF-8 can express`)
    .describe(`${describes} Absolute, relative to the working directory (/workspace), or with \`~\`.`);

/** Text that is written exactly: half a surrogate pair is no character and would become another one. */
export const exactText = (what: string) =>
  z
    .string()
    .refine(
      (value) => value.isWellFormed(),
      `${what} is no text that UTF-8 can express; use content_base64 of file_write`,
    );

/** What every answer says about the sandbox. */
export const sandboxOutput = {
  sandbox: z.string().describe("The handle of the sandbox."),
  note: z.string().optional().describe("What is worth knowing about the sandbox."),
};

/** The fields of `sandboxOutput`. */
export function sandboxFields(acquired: { sandbox: { handle: string }; note?: string | undefined }) {
  const { sandbox, note } = acquired;
  return { sandbox: sandbox.handle, ...(note ? { note } : {}) };
}

/** Text for a reader: the body, and behind it facts in brackets, a line each. */
export function withFacts(
  body: string,
  facts: readonly (string | undefined)[],
  about?: { sandbox: string; note?: string | undefined },
): string {
  const told = about?.note ? [...facts, about.note] : facts;
  const lines = told.filter((fact) => fact).map((fact) => `[${fact}]`);
  if (lines.length === 0) return body;
  return `${body}${body === "" || body.endsWith("\n") ? "" : "\n"}${lines.join("\n")}`;
}

/** `0644`. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** When a file was changed, as ISO 8601; a time that no calendar has is left out. */
export function modifiedAt({ modifiedMs }: FileInfo): string | undefined {
  const date = new Date(modifiedMs);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
