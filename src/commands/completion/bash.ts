import type { CompletedFlag, Node } from "./nodes.ts";

/** The completion script for bash 4 and newer; it needs no bash-completion package. */
export function bashScript(nodes: Node[]): string {
  return `# podexec completion for bash: eval "$(podexec completion bash)"
_podexec() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path="" word="" i
  # Where = separates words, --flag=val is three of them.
  if [[ $cur == = ]]; then cur=""
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $cur == --*=* ]]; then prev=\${cur%%=*} cur=\${cur#*=}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
${nodes
  .filter(({ path }) => path !== "")
  .map(pathCase)
  .join("\n")}
    esac
  done
  COMPREPLY=()
  case "$path:$prev" in
${nodes.flatMap(valueCases).join("\n")}
  esac
  case "$path" in
${nodes.map(wordCase).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$word" -- "$cur"))
}
complete -F _podexec podexec
`;
}

function pathCase({ path }: Node): string {
  const words = path.split(" ");
  return `      "${words.slice(0, -1).join(" ")} ${words.at(-1) ?? ""}") path="${path}" ;;`;
}

function valueCases({ path, flags }: Node): string[] {
  return flags
    .filter(({ takes }) => takes !== "none")
    .map((flag) => `    "${path}:--${flag.name}") ${answer(flag)}return ;;`);
}

function answer({ takes, options }: CompletedFlag): string {
  if (takes === "list") return `COMPREPLY=($(compgen -W "${options.join(" ")}" -- "$cur")); `;
  // compopt fails outside of a completion, as when a test calls the function.
  if (takes === "path") return 'COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null; ';
  return "";
}

function wordCase({ path, words, flags }: Node): string {
  const all = [...words.map(({ text }) => text), ...flags.map(({ name }) => `--${name}`)];
  return `    "${path}") word="${all.join(" ")}" ;;`;
}
