import type { CompletedFlag, Node } from "./nodes.ts";

/** The completion script for fish 3 and newer. */
export function fishScript(nodes: Node[]): string {
  const paths = nodes.filter(({ path }) => path !== "").map(({ path }) => quote(path));
  return `# podexec completion for fish: podexec completion fish | source
function __podexec_at
    set -l path
    for word in (commandline -opc)[2..]
        set -l next (string trim -- "$path $word")
        contains -- $next ${paths.join(" ")}; and set path $next
    end
    test "$path" = "$argv[1]"
end
complete -c podexec -f
${nodes.flatMap(nodeLines).join("\n")}
`;
}

function nodeLines({ path, words, flags }: Node): string[] {
  const here = `complete -c podexec -n ${quote(`__podexec_at ${JSON.stringify(path)}`)}`;
  return [
    ...words.map(({ text, summary }) => `${here} -a ${quote(text)} -d ${quote(summary)}`),
    ...flags.map((flag) => `${here} ${flagOptions(flag)} -d ${quote(flag.summary)}`),
  ];
}

function flagOptions(flag: CompletedFlag): string {
  const names = `${flag.short ? `-s ${flag.short} ` : ""}-l ${flag.name}`;
  if (flag.takes === "none") return names;
  if (flag.takes === "list") return `${names} -x -a ${quote(flag.options.join(" "))}`;
  return `${names} ${flag.takes === "path" ? "-r -F" : "-x"}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
