import type { CompletedFlag, Node } from "./nodes.ts";

/** The completion script for zsh: to be evaluated below compinit, or as a file `_podexec` in fpath. */
export function zshScript(nodes: Node[]): string {
  return `#compdef podexec
# podexec completion for zsh: eval "$(podexec completion zsh)"
${nodes.map((node) => zshFunction(node, nodes)).join("\n")}
if [ "$funcstack[1]" = "_podexec" ]; then
  _podexec "$@"
else
  compdef _podexec podexec
fi
`;
}

function zshFunction(node: Node, nodes: Node[]): string {
  const isTable = nodes.some(({ path }) => path !== "" && parentOf(path) === node.path && path !== node.path);
  return isTable ? tableFunction(node) : verbFunction(node);
}

function tableFunction({ path, words, flags }: Node): string {
  const rows = words.map(({ text, summary }) => `    ${quote(`${text}:${summary.replaceAll("\\", "\\\\")}`)}`);
  const cases = words.map(({ text }) => `        ${text}) ${functionName(path ? `${path} ${text}` : text)} ;;`);
  return `${functionName(path)}() {
  local context state line
  local -a verbs=(
${rows.join("\n")}
  )
  _arguments -C ${flags.map(flagSpec).join(" ")} '1: :->verb' '*:: :->rest'
  case $state in
    verb) _describe verb verbs ;;
    rest)
      case $words[1] in
${cases.join("\n")}
      esac ;;
  esac
}`;
}

function verbFunction({ path, words, flags }: Node): string {
  const specs = flags.map(flagSpec);
  if (words.length > 0) specs.push(quote(`1:${path}:(${words.map(({ text }) => text).join(" ")})`));
  return `${functionName(path)}() {
  _arguments \\
    ${specs.join(" \\\n    ")}
}`;
}

function flagSpec(flag: CompletedFlag): string {
  const text = `[${flag.summary.replace(/[[\]\\:]/g, "\\$&")}]`;
  if (flag.short) return `'(-${flag.short} --${flag.name})'{-${flag.short},--${flag.name}}${quote(text)}`;
  const star = flag.repeatable ? "*" : "";
  if (flag.takes === "none") return quote(`--${flag.name}${text}`);
  return quote(`${star}--${flag.name}=${text}:${flag.value.replace(/[[\]\\:]/g, "\\$&")}:${action(flag)}`);
}

function action({ takes, options }: CompletedFlag): string {
  if (takes === "list") return `(${options.join(" ")})`;
  return takes === "path" ? "_files" : " ";
}

function functionName(path: string): string {
  return ["_podexec", ...path.split(" ").filter(Boolean)].join("_").replaceAll("-", "_");
}

function parentOf(path: string): string {
  return path.split(" ").slice(0, -1).join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
