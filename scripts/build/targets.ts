/** The hosts that podexec is built for. */
import { nearest } from "../../src/nearest.ts";

export interface Target {
  name: string;
  /** As Bun names it. */
  bun: "bun-linux-x64" | "bun-linux-arm64" | "bun-darwin-x64" | "bun-darwin-arm64" | "bun-windows-x64";
  /** The npm package with Bun for this target. */
  package: string;
  /** Behind the executable's name. */
  suffix: "" | ".exe";
}

export const TARGETS: readonly Target[] = [
  { name: "linux-x64", bun: "bun-linux-x64", package: "@oven/bun-linux-x64", suffix: "" },
  { name: "linux-arm64", bun: "bun-linux-arm64", package: "@oven/bun-linux-aarch64", suffix: "" },
  { name: "darwin-x64", bun: "bun-darwin-x64", package: "@oven/bun-darwin-x64", suffix: "" },
  { name: "darwin-arm64", bun: "bun-darwin-arm64", package: "@oven/bun-darwin-aarch64", suffix: "" },
  { name: "windows-x64", bun: "bun-windows-x64", package: "@oven/bun-windows-x64", suffix: ".exe" },
];

/** The target that runs here. @throws Error where there is none */
export function hostTarget(): Target {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const found = TARGETS.find(({ name }) => name === `${platform}-${process.arch}`);
  if (!found) throw new Error(`podexec has no target for this host, ${platform}-${process.arch}`);
  return found;
}

/**
 * The targets that words on the command line name; `all` names every one.
 *
 * @throws Error that suggests the nearest name
 */
export function targetsNamed(words: readonly string[]): Target[] {
  const named = words.flatMap((word) => (word === "all" ? TARGETS : [targetNamed(word)]));
  return TARGETS.filter((target) => named.includes(target));
}

function targetNamed(word: string): Target {
  const found = TARGETS.find(({ name }) => name === word);
  if (found) return found;
  const names = [...TARGETS.map(({ name }) => name), "all"];
  const meant = nearest(word, names);
  const suggestion = meant ? `did you mean ${meant}? ` : "";
  throw new Error(`unknown target ${word}; ${suggestion}The targets are ${names.join(", ")}`);
}
