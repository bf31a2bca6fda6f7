/** The shipped recipe (images/base) as a folder on disk, which every way of building reads. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readAsset } from "../runtime.ts";

const HOME = "images/base";

/** Every file of the recipe. */
export const RECIPE_FILES = [
  "Containerfile",
  "packages.txt",
  "customize.sh",
  "debootstrap.sh",
  "rootfs/etc/profile",
  "rootfs/etc/gitconfig",
  "rootfs/etc/default/locale",
  "rootfs/etc/apt/apt.conf.d/90podexec",
  "rootfs/etc/dpkg/dpkg.cfg.d/podexec",
  "rootfs/root/.profile",
] as const;

export interface Recipe {
  folder: string;
  /** The shipped list and what the user adds, each once. */
  packages: string[];
  /** The Containerfile's ENV, LABEL, WORKDIR and CMD lines, as `podman import --change` takes them. */
  changes: string[];
}

/**
 * Writes the recipe into a folder that does not exist yet.
 *
 * @param extraPackages names of Debian packages beside the shipped list
 */
export async function writeRecipe(folder: string, extraPackages: readonly string[]): Promise<Recipe> {
  for (const file of RECIPE_FILES) {
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, readAsset(`${HOME}/${file}`), { mode: 0o644 });
  }
  const packages = [...new Set([...readPackages(readText("packages.txt")), ...extraPackages])];
  await writeFile(join(folder, "packages.txt"), `${packages.join("\n")}\n`, { mode: 0o644 });
  return { folder, packages, changes: readChanges(readText("Containerfile")) };
}

/** The names in a package list: one a line, `#` starts a comment. */
export function readPackages(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((name) => name !== "");
}

/** A Containerfile's one-line ENV, LABEL, WORKDIR and CMD instructions. `podman import` takes quotes literally. */
export function readChanges(containerfile: string): string[] {
  return containerfile
    .split("\n")
    .filter((line) => /^(ENV|LABEL|WORKDIR|CMD) /.test(line))
    .map((line) => line.replace(/^((?:ENV|LABEL) [^=]+)="(.*)"$/, "$1=$2"));
}

function readText(file: string): string {
  return new TextDecoder().decode(readAsset(`${HOME}/${file}`));
}
