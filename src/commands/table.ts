import stringWidth from "string-width";

/**
 * Rows in columns as wide as their widest cell, two spaces apart.
 *
 * @param header the columns' names
 * @param rows cells; control characters, which may come from outside, are shown as `?`
 * @returns lines, each with its newline
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((cells) => cells.map((cell) => cell.replace(/\p{Cc}/gu, "?")));
  const widths = header.map((_, column) => Math.max(...lines.map((cells) => stringWidth(cells[column] ?? ""))));
  return lines
    .map(
      (cells) =>
        `${cells
          .map((cell, column) => pad(cell, widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - stringWidth(cell)));
}
