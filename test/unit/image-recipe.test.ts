import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readChanges, readPackages, RECIPE_FILES, writeRecipe } from "../../src/image/recipe.ts";
import { firstBase } from "../../src/image/containerfile.ts";

const HOME = join(import.meta.dir, "../../images/base");

test("the recipe is every file of images/base, so that none is forgotten in the executable [image.tools]", () => {
  const files = readdirSync(HOME, { recursive: true, encoding: "utf8" });
  const plain = files.filter((path) => statSync(join(HOME, path)).isFile());
  expect([...RECIPE_FILES].toSorted()).toEqual(plain.toSorted() as (typeof RECIPE_FILES)[number][]);
});

test("the shipped list has what the issue asks for, and names each package once [image.tools]", () => {
  const packages = readPackages(readFileSync(join(HOME, "packages.txt"), "utf8"));
  const asked =
    "bash coreutils ca-certificates curl wget git openssh-client ripgrep jq procps psmisc sed grep gawk findutils file " +
    "less tar gzip xz-utils zip unzip gnu-which iproute2 iputils-ping bind9-dnsutils netcat-openbsd python3";
  expect(asked.split(" ").filter((name) => !packages.includes(name))).toEqual([]);
  expect(new Set(packages).size).toBe(packages.length);
});

test("added packages stand in the one list that is written for both ways of building [image.choices]", async () => {
  const folder = mkdtempSync(join(tmpdir(), "podexec-recipe-"));
  try {
    const recipe = await writeRecipe(join(folder, "recipe"), ["tree", "jq"]);
    expect(recipe.packages.filter((name) => name === "jq" || name === "tree")).toEqual(["jq", "tree"]);
    expect(readPackages(readFileSync(join(recipe.folder, "packages.txt"), "utf8"))).toEqual(recipe.packages);
    expect(readFileSync(join(recipe.folder, "rootfs/etc/profile"))).toEqual(
      readFileSync(join(HOME, "rootfs/etc/profile")),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the Containerfile's settings are those of the bootstrap [image.bootstrap]", () => {
  const changes = readChanges(readFileSync(join(HOME, "Containerfile"), "utf8"));
  expect(changes).toContain("ENV LANG=C.UTF-8");
  expect(changes).toContain("LABEL podexec.image=1");
  expect(changes).toContain("LABEL org.opencontainers.image.title=podexec tool image");
  expect(changes).toContain("WORKDIR /workspace");
  expect(changes).toContain('CMD ["/bin/sh", "-l"]');
});

test("the first image of a Containerfile is found, unless an argument or nothing stands there [image.choices]", () => {
  expect(firstBase("# x\nARG A=1\nFROM --platform=linux/amd64 debian:12 AS one\nFROM alpine\n")).toBe("debian:12");
  expect(firstBase("ARG BASE\nFROM ${BASE}\n")).toBeUndefined();
  expect(firstBase("FROM scratch\n")).toBeUndefined();
});
