/** Sizes and durations as people write them. */

const SIZE = /^(\d+(?:\.\d+)?)\s*(?:b|([kmgt])(?:i?b)?)?$/i;
const SIZE_UNITS: Record<string, number> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/;
const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Bytes of `2g`, `256k`, `1.5MiB`, `4096`; units are powers of 1024, as podman's.
 *
 * @returns undefined where the text is no size
 */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text.trim());
  if (!match) return undefined;
  return Math.round(Number(match[1]) * (SIZE_UNITS[(match[2] ?? "").toLowerCase()] ?? 1));
}

/** The shortest exact way to write a number of bytes: `2g`, `1536m`, `1000`. */
export function formatSize(bytes: number): string {
  const units = Object.entries(SIZE_UNITS).toReversed();
  const [unit, factor] = units.find(([, size]) => bytes >= size && bytes % size === 0) ?? ["", 1];
  return `${bytes / factor}${unit}`;
}

/**
 * Milliseconds of `10m`, `90s`, `1h30m`, `500ms`; a number without a unit is none.
 *
 * @returns undefined where the text is no duration
 */
export function parseDuration(text: string): number | undefined {
  const compact = text.replaceAll(" ", "");
  if (!DURATION.test(compact)) return undefined;
  let total = 0;
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    total += Number(amount) * (DURATION_UNITS[unit ?? ""] ?? 0);
  }
  return Math.round(total);
}

/** The shortest exact way to write milliseconds in one unit: `10m`, `90s`, `1500ms`. */
export function formatDuration(milliseconds: number): string {
  const units = Object.entries(DURATION_UNITS).toReversed();
  const [unit, factor] = units.find(([, size]) => milliseconds >= size && milliseconds % size === 0) ?? ["ms", 1];
  return `${milliseconds / factor}${unit}`;
}
