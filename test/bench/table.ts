/** Rows as people read them. */
import type { Row, Unit } from "./measurement.ts";

const HEAD = ["what", "podexec", "podman exec", "ratio", "target", "met"] as const;
const MORE_IS_BETTER: ReadonlySet<Unit> = new Set(["MB/s", "calls/s"]);

/** Columns padded to line up. */
export function toText(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (line: readonly string[]) =>
    line.map((cell, column) =>
      isNumeric(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    );
  return lines.map((line) => `${pad(line).join("  ").trimEnd()}\n`).join("");
}

/** The same for the README. */
export function toMarkdown(rows: readonly Row[]): string {
  const rule = HEAD.map((_, column) => (isNumeric(column) ? "---:" : "---"));
  return [HEAD, rule, ...rows.map(cells)].map((line) => `| ${line.join(" | ")} |\n`).join("");
}

/** How many times better than the rival; undefined where there is nothing to compare. */
export function ratioOf({ podexec, rival, unit }: Row): number | undefined {
  if (rival === undefined || podexec === 0 || rival === 0) return undefined;
  return MORE_IS_BETTER.has(unit) ? podexec / rival : rival / podexec;
}

function cells(row: Row): string[] {
  const ratio = ratioOf(row);
  return [
    row.what,
    quantity(row.podexec, row.unit),
    row.rival === undefined ? "" : quantity(row.rival, row.unit),
    ratio === undefined ? "" : `${short(ratio)}x`,
    row.target?.text ?? "",
    row.target ? (row.target.met ? "yes" : "NO") : "",
  ];
}

function quantity(value: number, unit: Unit): string {
  return unit === "failures" ? String(value) : `${short(value)} ${unit}`;
}

/** Three digits that count. */
function short(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function isNumeric(column: number): boolean {
  return column >= 1 && column <= 3;
}
