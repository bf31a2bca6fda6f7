/** The log: consola, bound to stderr. */
import { isatty } from "node:tty";
import { createConsola, type ConsolaInstance, type ConsolaReporter, type LogObject } from "consola/core";

export type Log = ConsolaInstance;

export const LOG_LEVELS = ["silent", "error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

const CONSOLA_LEVEL: Record<LogLevel, number> = { silent: -999, error: 0, warn: 1, info: 3, debug: 4 };

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

const COLORS: Partial<Record<string, string>> = { fatal: "31", error: "31", warn: "33", debug: "90" };

/**
 * A logger that writes to stderr only: stdout belongs to answers, and under `--transport stdio` to the protocol.
 * Objects after the message become fields: `log.warn("image is old", { image, days })`.
 *
 * @param level lowest level that is written, default `info`
 * @param format `text` for people, `json` for one JSON object a line
 */
export function createLog(level: LogLevel = "info", format: LogFormat = "text"): Log {
  return createConsola({
    level: CONSOLA_LEVEL[level],
    // consola holds back a message that repeats and tells its number a second later; a log has every line, at once.
    throttle: 0,
    stdout: process.stderr,
    stderr: process.stderr,
    reporters: [format === "json" ? jsonLines : textLines()],
  });
}

const jsonLines: ConsolaReporter = {
  log(entry) {
    const { message, fields } = contentOf(entry);
    const line = { ...fields, time: entry.date.toISOString(), level: entry.type, message };
    process.stderr.write(`${JSON.stringify(line, plainValue)}\n`);
  },
};

function textLines(): ConsolaReporter {
  // A terminal's colour depth is 1 bit where NO_COLOR or TERM=dumb is set.
  const colored = isatty(2) && process.stderr.getColorDepth() > 1;
  return {
    log(entry) {
      const { message, fields } = contentOf(entry);
      const color = colored ? COLORS[entry.type] : undefined;
      const label = color ? `\u001B[${color}m${entry.type.padEnd(5)}\u001B[0m` : entry.type.padEnd(5);
      const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
      process.stderr.write(`${label} ${printable(message)}${pairs.join("")}\n`);
    },
  };
}

/** Text of any origin without the bytes that would move a terminal's cursor; further lines are indented. */
function printable(text: string): string {
  const visible = text.replace(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return visible.replaceAll("\n", "\n      ");
}

/** An error as a field is named `error` and an error as the message gives its own. */
function contentOf(entry: LogObject): { message: string; fields: Record<string, unknown> } {
  const [first, ...rest] = entry.args as unknown[];
  const fields: Record<string, unknown> = {};
  for (const value of rest) {
    if (value instanceof Error) fields["error"] = value;
    else if (typeof value === "object" && value !== null) Object.assign(fields, value);
    else fields["detail"] = value;
  }
  if (first instanceof Error) return { message: first.message, fields };
  return { message: typeof first === "string" ? first : JSON.stringify(first, plainValue), fields };
}

function fieldText(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(plainValue("", value), plainValue) ?? String(value);
}

function plainValue(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return typeof value === "bigint" ? value.toString() : value;
}
