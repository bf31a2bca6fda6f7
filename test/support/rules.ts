/** The architecture rules: each takes sources and the data of test/architecture.test.ts, and returns sentences. */
import type { SourceFile } from "./source.ts";

/** What a layer may import: whole modules, or types alone. A file directly under src is a layer of its own. */
export type Layers = Readonly<Record<string, { may: readonly string[]; types?: readonly string[] }>>;

/** A thing, and the files (or folders, with / at the end) that may have it. */
export type Places = Readonly<Record<string, readonly string[]>>;

/** Imports of ours that the layers do not allow, and layers nobody has declared. */
export function forbiddenImports(files: readonly SourceFile[], layers: Layers): string[] {
  return files.flatMap(({ path, imports }) => {
    const own = layerOf(path);
    const layer = layers[own];
    if (!layer) return [`${path}: the layer ${own} is not declared`];
    const { may, types = [] } = layer;
    return imports
      .filter(({ target }) => target.startsWith("src/") && layerOf(target) !== own)
      .filter(({ target, isType }) => !may.includes(layerOf(target)) && !(isType && types.includes(layerOf(target))))
      .map(({ target, isType }) => `${path} imports ${isType ? "types of " : ""}${target}`);
  });
}

/** Packages and functions that are imported where they do not belong: `@modelcontextprotocol/sdk`, `src/runtime.ts#spawn`. */
export function misplacedImports(files: readonly SourceFile[], places: Places): string[] {
  return Object.entries(places).flatMap(([thing, allowed]) => {
    const [module = "", name] = thing.split("#");
    return files
      .filter(({ path }) => !isAmong(path, allowed))
      .filter(({ imports }) =>
        imports.some(({ target, names }) => {
          const isModule = target === module || target.startsWith(`${module}/`);
          return isModule && (name === undefined || names.includes(name) || names.includes("*"));
        }),
      )
      .map(({ path }) => `${path} imports ${thing}`);
  });
}

/** Globals that are used where they do not belong: `Bun`, `process.env`. */
export function misplacedGlobals(files: readonly SourceFile[], places: Places): string[] {
  return files.flatMap(({ path, globals }) =>
    [...globals].filter((name) => !isAmong(path, places[name] ?? [])).map((name) => `${path} uses ${name}`),
  );
}

/** Every cycle of imports, once, as `a -> b -> a`. */
export function cycles(files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.add([...trail.slice(start), path].join(" -> "));
    if (start >= 0 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return [...found];
}

/** Everything that is loaded with some files, packages too; what they import lazily or as types is not. */
export function loadedBy(files: readonly SourceFile[], entries: readonly string[]): string[] {
  const graph = new Map(files.map(({ path, imports }) => [path, imports]));
  const loaded = new Set(entries);
  // A set that grows while it is walked is walked to its new end.
  for (const path of loaded) {
    for (const { target, isType, isLazy } of graph.get(path) ?? []) if (!isType && !isLazy) loaded.add(target);
  }
  return [...loaded];
}

/** Files that only pass on what others hold. */
export function barrels(files: readonly SourceFile[], tables: readonly string[]): string[] {
  return files
    .filter(({ path, isBarrel }) => isBarrel && !tables.includes(path))
    .map(({ path }) => `${path} is a barrel`);
}

/** Variables at the top of a module that can change. */
export function mutableState(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, state }) => state.map((name) => `${path} has ${name} as module-level state`));
}

/** Files that lie more than `depth` folders below src. */
export function tooDeep(files: readonly SourceFile[], depth: number): string[] {
  return files.filter(({ path }) => path.split("/").length - 2 > depth).map(({ path }) => `${path} is too deep`);
}

function layerOf(path: string): string {
  const [, first = "", second] = path.split("/");
  return second === undefined ? first.replace(/\.ts$/, "") : first;
}

function isAmong(path: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith("/") ? path.startsWith(place) : path === place));
}
