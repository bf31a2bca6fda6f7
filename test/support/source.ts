/** Reads TypeScript sources the way the architecture rules look at them: imports, globals, top-level statements. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import { parseSync } from "oxc-parser";

export interface Import {
  /** `src/errors.ts` for a file of ours, else as written: `node:fs`, `zod`. */
  target: string;
  /** Only types; nothing of it is loaded. */
  isType: boolean;
  /** Loaded when the code gets there: `await import(...)`. */
  isLazy: boolean;
  /** Names as the other module exports them. */
  names: string[];
}

export interface SourceFile {
  path: string;
  imports: Import[];
  /** `Bun`, `Deno`, `process.env`, `process.exit` where the code has them. */
  globals: Set<string>;
  /** Nothing but imports and exports of what other files hold. */
  isBarrel: boolean;
  /** Names of top-level variables that can change: `let`, `var`, empty collections. */
  state: string[];
}

interface Node {
  type: string;
  [field: string]: unknown;
}

const RUNTIMES = new Set(["Bun", "Deno"]);
const PROCESS_MEMBERS = new Set(["env", "exit", "exitCode"]);

/** Every TypeScript file under a folder, with paths relative to the repository's root. */
export function sourcesUnder(root: string, folder: string): SourceFile[] {
  const paths = [...new Glob(`${folder}/**/*.ts`).scanSync(root)].toSorted();
  return paths.map((path) => readSource(path, readFileSync(join(root, path), "utf8")));
}

/** What one file says. */
export function readSource(path: string, text: string): SourceFile {
  const { program, module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const body = program.body as unknown as Node[];
  const imports: Import[] = module.staticImports.map(({ moduleRequest, entries }) => ({
    target: targetOf(path, moduleRequest.value),
    isType: entries.length > 0 && entries.every((entry) => entry.isType),
    isLazy: false,
    names: entries.map((entry) => entry.importName.name ?? "*"),
  }));
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, isType } of entries) {
      if (moduleRequest)
        imports.push({ target: targetOf(path, moduleRequest.value), isType, isLazy: false, names: ["*"] });
    }
  }
  const nodes = [...walk(program as unknown as Node)];
  for (const node of nodes.filter(({ type }) => type === "ImportExpression")) {
    const source = node["source"] as Node;
    imports.push({ target: targetOf(path, String(source["value"])), isType: false, isLazy: true, names: ["*"] });
  }
  const globals = new Set(nodes.flatMap(globalsOf));
  for (const { target, names } of imports) {
    if (target === "bun") globals.add("Bun");
    if (/^(node:)?process$/.test(target))
      names.filter((name) => PROCESS_MEMBERS.has(name)).forEach((name) => globals.add(`process.${name}`));
  }
  return { path, imports, globals, isBarrel: isBarrel(body), state: body.flatMap(stateOf) };
}

function targetOf(path: string, request: string): string {
  return request.startsWith(".") ? join(dirname(path), request) : request;
}

function* walk(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === "object" && child !== null && "type" in child) yield* walk(child as Node);
    }
  }
}

function globalsOf(node: Node): string[] {
  if (node.type === "Identifier" && RUNTIMES.has(String(node["name"]))) return [String(node["name"])];
  if (node.type === "MemberExpression" && isProcess(node["object"])) return processMember(node["property"] as Node);
  if (node.type === "VariableDeclarator" && isProcess(node["init"])) {
    const properties = ((node["id"] as Node)["properties"] ?? []) as Node[];
    return properties.flatMap((property) => (property["key"] ? processMember(property["key"] as Node) : []));
  }
  return [];
}

function isProcess(node: unknown): boolean {
  const { type, name, property } = (node ?? {}) as { type?: string; name?: string; property?: { name?: string } };
  return (type === "Identifier" && name === "process") || (type === "MemberExpression" && property?.name === "process");
}

function processMember(property: Node): string[] {
  const name = String(property["name"] ?? property["value"]);
  return PROCESS_MEMBERS.has(name) ? [`process.${name}`] : [];
}

function isBarrel(body: Node[]): boolean {
  const passesOn = (node: Node) =>
    node.type === "ExportAllDeclaration" || (node.type === "ExportNamedDeclaration" && !node["declaration"]);
  return body.some(passesOn) && body.every((node) => passesOn(node) || node.type === "ImportDeclaration");
}

function stateOf(statement: Node): string[] {
  const declaration = (
    statement.type === "ExportNamedDeclaration" ? statement["declaration"] : statement
  ) as Node | null;
  if (declaration?.type !== "VariableDeclaration" || declaration["declare"] === true) return [];
  return (declaration["declarations"] as Node[])
    .filter(({ init }) => declaration["kind"] !== "const" || isEmptyCollection(init as Node | null))
    .map(({ id }) => String((id as Node)["name"]));
}

function isEmptyCollection(node: Node | null): boolean {
  if (node?.type === "ArrayExpression") return (node["elements"] as Node[]).length === 0;
  if (node?.type === "ObjectExpression") return (node["properties"] as Node[]).length === 0;
  if (node?.type !== "NewExpression" || (node["arguments"] as Node[]).length > 0) return false;
  return ["Map", "Set", "WeakMap", "WeakSet"].includes(String((node["callee"] as Node)["name"]));
}
