import { distance } from "fastest-levenshtein";

/**
 * The candidate that was probably meant.
 *
 * @returns undefined where none is close: more than 40 % of the letters (at least 2) would have to change
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const begun = word.length > 1 ? candidates.filter((candidate) => candidate.startsWith(word)) : [];
  if (begun.length === 1) return begun[0];
  const limit = Math.min(word.length - 1, Math.max(2, Math.ceil(word.length * 0.4)));
  const ranked = candidates
    .map((candidate) => ({ candidate, changes: distance(word, candidate) }))
    .filter(({ changes }) => changes <= limit)
    .toSorted((one, other) => one.changes - other.changes);
  return ranked[0]?.candidate;
}
