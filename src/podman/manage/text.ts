/** Text for a reader: compact tables, bounded output, times and sizes. */

/** A table with columns as wide as they need to be; no lines but `none` for no rows. */
export function table(
  titles: readonly string[],
  rows: readonly (readonly (string | number | null | undefined)[])[],
  none = "none",
): string {
  if (rows.length === 0) return none;
  const cells = [titles, ...rows.map((row) => row.map((cell) => plain(String(cell ?? ""))))];
  const widths = titles.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const MAX_CELL = 80;

/** Names and commands are others' choice: nothing in them may look like another row. */
function plain(text: string): string {
  const flat = text.replace(/\p{C}/gu, " ");
  return flat.length > MAX_CELL ? `${flat.slice(0, MAX_CELL - 3)}...` : flat;
}

/** The beginning and the end of a text that is longer than the limit. @param limit characters */
export function bounded(text: string, limit: number): { text: string; truncated: boolean } {
  if (text.length <= limit) return { text, truncated: false };
  const half = Math.floor(limit / 2);
  const left = text.length - 2 * half;
  return { text: `${text.slice(0, half)}\n[${left} characters left out]\n${text.slice(-half)}`, truncated: true };
}

/** Bytes as `12.3 MB`. */
export function sizeText(bytes: number | null | undefined): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes ?? 0;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** An id as Podman tells it. */
export const shortId = (id: string): string => id.replace(/^sha256:/, "").slice(0, 12);
